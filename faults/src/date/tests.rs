use super::*;

#[test]
fn dates_at_the_edges_of_months_and_leap_years() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_709_251_199, "2024-02-29T23:59:59Z"),
        (1_735_689_599, "2024-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ];
    for (unix, text) in cases {
        assert_eq!(rfc3339(Duration::from_secs(unix)), text);
    }
}
