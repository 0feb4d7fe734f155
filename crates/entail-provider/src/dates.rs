//! The two forms of a moment in headers, as seconds since 1970.

use std::time::Duration;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Sun, 06 Nov 1994 08:49:37 GMT`: the form that servers must send (RFC 9110, section 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<Duration> {
    let (_, date) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    moment(number(year)?, u64::try_from(month).ok()?, number(day)?, time)
}

/// `2026-11-23T20:49:00.5Z`, maybe with an offset such as `+01:00` (RFC 3339).
pub(crate) fn rfc3339(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = date.split('-').collect::<Vec<_>>()[..] else { return None };
    let at = |time| moment(number(year)?, number(month)?, number(day)?, time);
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return at(time);
    }
    let (time, offset) = time.split_at(time.rfind(['+', '-'])?);
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let offset_time =
        Duration::from_secs((hours <= 23 && minutes <= 59).then(|| hours * 3600 + minutes * 60)?);
    // East of Greenwich the clock is ahead.
    if offset.starts_with('+') {
        at(time)?.checked_sub(offset_time)
    } else {
        Some(at(time)? + offset_time)
    }
}

fn moment(year: u64, month: u64, day: u64, time: &str) -> Option<Duration> {
    let [hours, minutes, seconds] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let whole = number(whole)?;
    let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let of_a_date =
        (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    // A leap second is a second 60.
    let of_a_day = hours <= 23 && minutes <= 59 && whole <= 60;
    let seconds = days(year, month, day) * 86_400 + hours * 3600 + minutes * 60 + whole;
    (of_a_date && of_a_day && fraction.bytes().all(|b| b.is_ascii_digit()))
        .then(|| Duration::new(seconds, nanos))
}

/// Days from 1970 to a date of the Gregorian calendar. Years begin in March, so that the day of a leap year is the
/// last (Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year.saturating_sub(u64::from(month <= 2));
    let of_month = ((month + 9) % 12 * 153 + 2) / 5;
    (year * 365 + year / 4 - year / 100 + year / 400 + of_month + day).saturating_sub(719_469)
}

fn number(text: &str) -> Option<u64> {
    (text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
