//! Python's literals, read and never executed.
//!
//! What is read: the assignments at the outermost level of a file whose value is made of strings, lists, dicts, names
//! and calls. Everything else (imports, classes, functions) is passed over. A piece of an expression that only Python
//! could work out is [`Kind::Other`], and whoever needs its value refuses it.

/// Nesting that no file written by hand reaches.
const DEEPEST: usize = 40;

/// An expression and the line that it begins on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

/// What is read of Python.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text(String),
    /// A list or a tuple.
    List(Vec<Expression>),
    /// Entries of a dict, or arguments of a call; `None` for an argument without a name, or a key that is no string.
    Dict(Vec<Entry>),
    /// A name, dotted or not.
    Name(String),
    Call {
        callee: String,
        arguments: Vec<Entry>,
    },
    /// Lists or strings put together with `+`.
    Sum(Vec<Expression>),
    /// Something that would have to be executed.
    Other,
}

/// A named or unnamed part of a dict or a call.
pub(super) type Entry = (Option<String>, Expression);

/// Assignments at the outermost level, in the order of the file.
pub(super) fn assignments(text: &str) -> Vec<(String, Expression)> {
    let tokens = tokens(&text.replace("\r\n", "\n"));
    let mut found = Vec::new();
    let mut reader = Reader { tokens: &tokens, at: 0 };
    while reader.at < tokens.len() {
        if let Some(assignment) = reader.assignment() {
            found.push(assignment);
        }
        reader.skip_statement();
    }
    found
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A name or a number.
    Word(String),
    Text(String),
    /// A string that Python would have to fill in, or an escape that is not read.
    Unreadable,
    Mark(char),
    /// The end of a line outside of brackets, and the indent of the next.
    LineEnd {
        indent: usize,
    },
}

struct Placed {
    token: Token,
    line: usize,
}

struct Reader<'a> {
    tokens: &'a [Placed],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|placed| &placed.token)
    }

    fn takes(&mut self, mark: char) -> bool {
        let there = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(there);
        there
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |placed| placed.line)
    }

    /// Goes on to the next statement at the outermost level.
    fn skip_statement(&mut self) {
        while let Some(placed) = self.tokens.get(self.at) {
            self.at += 1;
            if placed.token == (Token::LineEnd { indent: 0 }) {
                return;
            }
        }
    }

    /// `name = …` or `name: annotation = …`.
    fn assignment(&mut self) -> Option<(String, Expression)> {
        let Some(Token::Word(name)) = self.peek() else { return None };
        let name = name.clone();
        self.at += 1;
        if self.takes(':') {
            while !matches!(self.peek()?, Token::Mark('=') | Token::LineEnd { .. }) {
                self.at += 1;
            }
        }
        // The second `=` of a comparison makes an expression that cannot be read, which nobody asks for.
        self.takes('=').then(|| (name, self.expression(DEEPEST)))
    }

    /// An expression; what cannot be read is passed over up to the comma or bracket that ends it.
    fn expression(&mut self, depth: usize) -> Expression {
        let line = self.line();
        let other = Expression { line, kind: Kind::Other };
        let mut parts = vec![self.operand(depth)];
        while self.takes('+') {
            parts.push(self.operand(depth));
        }
        if !self.ends() {
            self.skip_expression();
            return other;
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => Expression { line, kind: Kind::Sum(parts) },
        }
    }

    fn ends(&self) -> bool {
        match self.peek() {
            None | Some(Token::LineEnd { .. }) => true,
            Some(Token::Mark(mark)) => matches!(mark, ',' | ')' | ']' | '}' | ':' | '='),
            Some(_) => false,
        }
    }

    fn skip_expression(&mut self) {
        let mut open = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::LineEnd { .. } => return,
                Token::Mark(',' | ':' | ')' | ']' | '}') if open == 0 => return,
                Token::Mark('(' | '[' | '{') => open += 1,
                Token::Mark(')' | ']' | '}') => open -= 1,
                Token::Mark(_) | Token::Word(_) | Token::Text(_) | Token::Unreadable => {}
            }
            self.at += 1;
        }
    }

    fn operand(&mut self, depth: usize) -> Expression {
        let line = self.line();
        let kind = match self.peek().cloned() {
            _ if depth == 0 => Kind::Other,
            Some(Token::Text(_) | Token::Unreadable) => self.text(),
            Some(Token::Word(word)) => {
                self.at += 1;
                self.name(word, depth)
            }
            Some(Token::Mark('[')) => self.list(']', depth),
            Some(Token::Mark('(')) => self.list(')', depth),
            Some(Token::Mark('{')) => {
                self.at += 1;
                Kind::Dict(self.entries('}', ':', depth))
            }
            _ => Kind::Other,
        };
        Expression { line, kind }
    }

    /// Strings that stand side by side are one.
    fn text(&mut self) -> Kind {
        let mut whole = Some(String::new());
        loop {
            match self.peek() {
                Some(Token::Text(text)) => {
                    if let Some(whole) = &mut whole {
                        whole.push_str(text);
                    }
                }
                Some(Token::Unreadable) => whole = None,
                _ => return whole.map_or(Kind::Other, Kind::Text),
            }
            self.at += 1;
        }
    }

    fn name(&mut self, mut name: String, depth: usize) -> Kind {
        while self.takes('.') {
            let Some(Token::Word(word)) = self.peek() else { return Kind::Other };
            name.push('.');
            name.push_str(word);
            self.at += 1;
        }
        if self.takes('(') {
            return Kind::Call { callee: name, arguments: self.entries(')', '=', depth) };
        }
        Kind::Name(name)
    }

    fn list(&mut self, close: char, depth: usize) -> Kind {
        self.at += 1;
        let mut items = self.entries(close, '\0', depth);
        let had_comma =
            self.tokens.get(self.at.saturating_sub(2)).map(|p| &p.token) == Some(&Token::Mark(','));
        match items.len() {
            // Brackets around one expression are no tuple.
            1 if close == ')' && !had_comma => items.remove(0).1.kind,
            _ => Kind::List(items.into_iter().map(|(_, item)| item).collect()),
        }
    }

    /// Parts up to a closing bracket, each with what stands before `separator`.
    fn entries(&mut self, close: char, separator: char, depth: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        while !self.takes(close) {
            let first = self.expression(depth - 1);
            if self.takes(separator) {
                let name = match first.kind {
                    Kind::Text(name) | Kind::Name(name) => Some(name),
                    _ => None,
                };
                entries.push((name, self.expression(depth - 1)));
            } else {
                entries.push((None, first));
            }
            if !self.takes(',') && self.peek() != Some(&Token::Mark(close)) {
                // A file that was cut off, or brackets that do not match: nothing after this is read as a part.
                if matches!(self.peek(), None | Some(Token::LineEnd { .. })) {
                    break;
                }
                self.at += 1;
            }
        }
        entries
    }
}

/// Characters still to be read, and where.
struct Letters<'a> {
    rest: &'a str,
    line: usize,
}

impl Letters<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn skip(&mut self, bytes: usize) {
        self.line += self.rest[..bytes].matches('\n').count();
        self.rest = &self.rest[bytes..];
    }

    /// What `plain` holds for, from here.
    fn run(&mut self, plain: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !plain(c)).unwrap_or(self.rest.len());
        let run = self.rest[..end].to_owned();
        self.skip(end);
        run
    }
}

fn tokens(text: &str) -> Vec<Placed> {
    let mut letters = Letters { rest: text, line: 1 };
    let mut tokens = Vec::new();
    let mut open = 0_usize;
    while let Some(c) = letters.rest.chars().next() {
        let line = letters.line;
        let token = match c {
            '#' => {
                letters.run(|c| c != '\n');
                continue;
            }
            '\n' => {
                letters.next();
                let indent = letters.run(|c| matches!(c, ' ' | '\t')).len();
                let blank = letters.rest.starts_with(['\n', '#']);
                if open > 0 || blank {
                    continue;
                }
                Token::LineEnd { indent }
            }
            '\\' => {
                letters.next();
                letters.skip(usize::from(letters.rest.starts_with('\n')));
                continue;
            }
            c if c.is_whitespace() => {
                letters.next();
                continue;
            }
            '"' | '\'' => string(&mut letters, ""),
            c if c.is_alphanumeric() || c == '_' => {
                let word = letters.run(|c| c.is_alphanumeric() || c == '_');
                let prefix = word.to_ascii_lowercase();
                let string_follows = letters.rest.starts_with(['"', '\'']);
                if string_follows
                    && matches!(prefix.as_str(), "r" | "u" | "f" | "b" | "rb" | "br" | "fr" | "rf")
                {
                    string(&mut letters, &prefix)
                } else {
                    Token::Word(word)
                }
            }
            mark => {
                letters.next();
                match mark {
                    '(' | '[' | '{' => open += 1,
                    ')' | ']' | '}' => open = open.saturating_sub(1),
                    _ => {}
                }
                Token::Mark(mark)
            }
        };
        tokens.push(Placed { token, line });
    }
    tokens
}

/// A string from its opening quote on.
fn string(letters: &mut Letters<'_>, prefix: &str) -> Token {
    let quote = &letters.rest[..1];
    let triple = quote.repeat(3);
    let quote = if letters.rest.starts_with(&triple) { triple } else { quote.to_owned() };
    letters.skip(quote.len());
    let mut text = String::new();
    let mut readable = !prefix.contains('b');
    loop {
        if letters.rest.starts_with(&quote) {
            letters.skip(quote.len());
            break;
        }
        match letters.next() {
            // A string that nobody closes.
            None => return Token::Unreadable,
            Some('\n') if quote.len() == 1 => return Token::Unreadable,
            Some('\\') if prefix.contains('r') => {
                text.push('\\');
                text.extend(letters.next());
            }
            Some('\\') => match escaped(letters) {
                Some(piece) => text.push_str(&piece),
                None => readable = false,
            },
            Some(c) => {
                readable &= !(prefix.contains('f') && matches!(c, '{' | '}'));
                text.push(c);
            }
        }
    }
    if readable { Token::Text(text) } else { Token::Unreadable }
}

/// What stands after a backslash; `None` for an escape that is not read.
fn escaped(letters: &mut Letters<'_>) -> Option<String> {
    let c = letters.next()?;
    let digits = match c {
        'n' => return Some("\n".to_owned()),
        't' => return Some("\t".to_owned()),
        'r' => return Some("\r".to_owned()),
        '\n' => return Some(String::new()),
        '\\' | '\'' | '"' => return Some(c.to_string()),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        // Python keeps a backslash before a letter that means nothing; octal numbers and names are not read.
        'N' | '0'..='7' | 'a' | 'b' | 'f' | 'v' => return None,
        other => return Some(format!("\\{other}")),
    };
    let number = letters.rest.get(..digits)?.to_owned();
    letters.skip(digits);
    Some(char::from_u32(u32::from_str_radix(&number, 16).ok()?)?.to_string())
}
