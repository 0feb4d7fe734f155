//! From a whole reply and a fault to what goes over the wire.

use std::time::Duration;

use serde_json::json;

use crate::reply::{ApiError, Reply, Style};
use crate::{Fault, wire};

/// What happens after the bytes were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The next request is read.
    KeepOpen,
    /// The connection ends.
    Close,
    /// Nothing, until the client gives up.
    Stall,
}

/// How many bytes a wrong length is off by.
const OFF_BY: usize = 17;

/// The reply of a fault that comes instead of any work; `None` for faults that spoil a reply.
pub(crate) fn instead(fault: Fault, style: Style) -> Option<Reply> {
    let fail = |status, kind, message| {
        Some(Reply::error(style, &ApiError::failure(status, kind, message)))
    };
    match fault {
        Fault::TooMany => Some(too_many(style)),
        Fault::TooManyAfter(wait) => {
            Some(too_many(style).header("retry-after", whole_seconds(wait).to_string()))
        }
        Fault::TooManyAfterMillis(wait) => {
            Some(too_many(style).header("retry-after-ms", wait.as_millis().to_string()))
        }
        Fault::QuotaGone => Some(quota_gone(style)),
        Fault::InternalError => fail(500, "server_error", "the server had an error"),
        Fault::Unavailable => fail(503, "service_unavailable", "the engine is not available"),
        Fault::Overloaded => fail(529, "overloaded_error", "overloaded"),
        Fault::BadGateway => {
            let page = b"<html><head><title>502 Bad Gateway</title></head><body></body></html>";
            Some(Reply::bytes(502, "text/html", page.to_vec()))
        }
        Fault::ErrorInside200(code) => {
            let message = "the upstream provider returned an error";
            Some(Reply::json(200, &json!({ "error": { "code": code, "message": message } })))
        }
        Fault::SlowHeaders(_)
        | Fault::StalledBody
        | Fault::CutBody
        | Fault::MalformedJson
        | Fault::LengthTooLong
        | Fault::LengthTooShort
        | Fault::HugeBody(_)
        | Fault::Refused => None,
    }
}

/// Rounded up, as `retry-after` has no fractions.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// 429 that waiting helps.
pub(crate) fn too_many(style: Style) -> Reply {
    let error = ApiError {
        status: 429,
        kind: "requests",
        code: Some("rate_limit_exceeded"),
        param: None,
        message: "rate limit reached".into(),
    };
    Reply::error(style, &error)
}

/// 429 that waiting does not help. Anthropic names it in `details`.
fn quota_gone(style: Style) -> Reply {
    let message = "the quota of this account is used up";
    if style == Style::Anthropic {
        let details = json!({ "error_code": "enforced_spend_limit_reached" });
        let error = json!({ "type": "rate_limit_error", "message": message, "details": details });
        return Reply::json(
            429,
            &json!({ "type": "error", "error": error, "request_id": "req_stub" }),
        );
    }
    let error = ApiError {
        status: 429,
        kind: "insufficient_quota",
        code: Some("insufficient_quota"),
        param: None,
        message: message.into(),
    };
    Reply::error(style, &error)
}

/// Puts into `out` what is sent of a reply, and says what comes after.
pub(crate) fn render(
    out: &mut Vec<u8>,
    mut reply: Reply,
    fault: Option<Fault>,
    keep_alive: bool,
) -> After {
    match fault {
        Some(Fault::MalformedJson) => {
            reply.body.truncate(reply.body.len() / 2);
            reply.body.extend_from_slice(b"<upstream reset>");
        }
        Some(Fault::HugeBody(mebibytes)) => pad(&mut reply.body, mebibytes << 20),
        _ => {}
    }
    let length = reply.body.len();
    let (announced, sent, after) = match fault {
        Some(Fault::StalledBody) => (length, length / 2, After::Stall),
        Some(Fault::CutBody) => (length, length / 2, After::Close),
        Some(Fault::LengthTooLong) => (length + OFF_BY, length, After::Close),
        Some(Fault::LengthTooShort) => (length.saturating_sub(OFF_BY), length, After::KeepOpen),
        _ => (length, length, After::KeepOpen),
    };
    let after = if keep_alive || after == After::Stall { after } else { After::Close };
    // A server that is about to cut an answer off does not say so.
    let says_close = !keep_alive && matches!(fault, None | Some(Fault::SlowHeaders(_)));
    wire::write_head(out, &reply, announced, !says_close);
    out.extend_from_slice(&reply.body[..sent]);
    after
}

/// Adds a field of this many bytes to an object; a body that is no object grows by blanks.
fn pad(body: &mut Vec<u8>, n_bytes: usize) {
    if body.last() == Some(&b'}') {
        body.pop();
        body.extend_from_slice(if body.last() == Some(&b'{') {
            b"\"padding\":\""
        } else {
            b",\"padding\":\""
        });
        body.resize(body.len() + n_bytes, b'x');
        body.extend_from_slice(b"\"}");
    } else {
        body.resize(body.len() + n_bytes, b' ');
    }
}

/// Whether an answer that met this fault is one that a client can take.
pub(crate) fn leaves_whole(fault: Option<Fault>) -> bool {
    matches!(fault, None | Some(Fault::SlowHeaders(_)))
}

#[cfg(test)]
mod tests;
