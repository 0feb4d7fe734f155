use proptest::prelude::*;

use super::*;
use crate::ModelName;

fn model(text: &str) -> RemoteModel {
    match text.parse().unwrap() {
        ModelName::Remote(model) => model,
        other => panic!("{other}"),
    }
}

fn from_file(text: &str) -> Keys {
    Keys::read(&|_| None, Some(text)).unwrap()
}

fn key_of<'a>(keys: &'a Keys, name: &str) -> &'a str {
    keys.key(&model(name)).unwrap().unwrap().expose()
}

#[test]
fn a_file_is_read_as_dotenv_files_are_written() {
    for (line, expected) in [
        ("OPENAI_API_KEY=sk-1", "sk-1"),
        ("export OPENAI_API_KEY=sk-1", "sk-1"),
        ("  OPENAI_API_KEY = sk-1  ", "sk-1"),
        ("OPENAI_API_KEY=sk-1 # mine", "sk-1"),
        ("OPENAI_API_KEY=sk#1", "sk#1"),
        ("OPENAI_API_KEY=\"sk 1\" # mine", "sk 1"),
        ("OPENAI_API_KEY='sk\\n$1'", "sk\\n$1"),
        ("OPENAI_API_KEY=\"sk\\\"\\\\\\$\\x1\"", "sk\"\\$\\x1"),
        ("OPENAI_API_KEY=\"two\nlines\"\n", "two\nlines"),
        ("OPENAI_API_KEY=a=b==\r\nOTHER=1\r\n", "a=b=="),
        ("OPENAI_API_KEY=first\nOPENAI_API_KEY=sk-1", "sk-1"),
        ("\u{feff}# keys\n\n \t\nOPENAI_API_KEY=sk-1\n#OPENAI_API_KEY=no", "sk-1"),
    ] {
        assert_eq!(key_of(&from_file(line), "openai:m"), expected, "{line:?}");
    }
    for line in ["OPENAI_API_KEY=", "OPENAI_API_KEY=''", "OPENAI_API_KEY=# nothing", ""] {
        assert!(from_file(line).key(&model("openai:m")).is_err(), "{line:?}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_named_by_its_number_and_not_shown() {
    for (text, line) in [
        ("sk-canary", 1),
        ("A=1\n# x\n\nsk-canary\nB=2", 4),
        ("A='two\nlines'\nsk canary=1", 3),
        ("A=\"sk-canary", 1),
        ("A=1\nB='canary' x", 2),
        ("=canary", 1),
    ] {
        let error = Keys::read(&|_| None, Some(text)).unwrap_err();
        assert_eq!(error, KeysError::Line { line }, "{text:?}");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[test]
fn the_environment_wins_unless_it_is_empty() {
    let read = |value: &'static str| {
        let environment = move |name: &str| (name == "OPENAI_API_KEY").then(|| value.to_owned());
        Keys::read(&environment, Some("OPENAI_API_KEY=file\nOPENAI_ORG_ID=org")).unwrap()
    };
    assert_eq!(key_of(&read("shell"), "openai:m"), "shell");
    assert_eq!(key_of(&read(" "), "openai:m"), "file");
    assert_eq!(read("x").other("OPENAI_ORG_ID"), Some("org"));
}

#[test]
fn a_missing_key_names_the_variable_and_the_model() {
    for (name, variable) in [
        ("openai:gpt-4.1", "OPENAI_API_KEY"),
        ("azure:d", "AZURE_OPENAI_API_KEY"),
        ("anthropic:claude-x", "ANTHROPIC_API_KEY"),
        ("openrouter:o/n", "OPENROUTER_API_KEY"),
        ("tinker://run/sampler_weights/n", "TINKER_API_KEY"),
    ] {
        let message = Keys::default().key(&model(name)).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains(variable), "{message}");
    }
    for name in ["vllm:http://h#m", "llamacpp:http://h#m", "ollama:m", "compatible:http://h#m"] {
        assert_eq!(Keys::default().key(&model(name)), Ok(None), "{name}");
    }
}

#[test]
fn no_key_is_sent_under_another_services_name() {
    let all = "OPENAI_API_KEY=o\nANTHROPIC_API_KEY=a\nOPENROUTER_API_KEY=r";
    assert_eq!(from_file(all).key(&model("compatible:http://h#m")), Ok(None));
    assert_eq!(from_file(all).key(&model("vllm:http://h#m")), Ok(None));
    assert_eq!(key_of(&from_file("COMPATIBLE_API_KEY=c"), "compatible:http://h#m"), "c");
}

#[test]
fn an_address_in_the_environment_moves_a_model_that_names_none() {
    let keys = from_file(
        "OPENAI_BASE_URL=https://proxy.example.com/\nTINKER_BASE_URL=https://t.example.com/prod/\n\
         AZURE_OPENAI_ENDPOINT=https://me.example.com/\nANTHROPIC_BASE_URL=https://api.anthropic.com/v1",
    );
    for (name, placed) in [
        ("openai:m", "openai:https://proxy.example.com/v1#m"),
        ("openai:https://other.example.com#m", "openai:https://other.example.com/v1#m"),
        ("azure:d", "azure:https://me.example.com#d"),
        ("tinker:b", "tinker:https://t.example.com/prod/oai/api/v1#b"),
        ("anthropic:c", "anthropic:c"),
        ("openrouter:o/n", "openrouter:o/n"),
    ] {
        assert_eq!(keys.place(&model(name)).to_string(), placed);
    }
    let error = Keys::read(&|_| None, Some("OPENAI_BASE_URL=https://u:canary@h")).unwrap_err();
    assert!(error.to_string().starts_with("OPENAI_BASE_URL: "), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
}

proptest! {
    #[test]
    fn no_file_panics_and_no_content_is_printed(text in "(\\PC|[\n\"'=#\\\\]){0,40}", tail in "(canary|\ncanary=\"canary|A='canary)") {
        let whole = format!("{text}{tail}");
        let shown = format!("{:?}", Keys::read(&|_| None, Some(&whole)));
        prop_assert!(!shown.contains("canary"), "{}", shown);
    }

    #[test]
    fn a_quoted_value_comes_back(value in "\\PC{1,30}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
        let read = dotenv::parse(&format!("A=1\nB=\"{escaped}\" # c\nC=2")).unwrap();
        prop_assert_eq!(&read["B"], &value);
        prop_assert_eq!(&read["C"], "2");
    }
}
