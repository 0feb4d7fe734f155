pub(super) fn section(_: bool) -> super::Section {
    super::Section {
        title: "x",
        text: String::new(),
        head: vec![],
        rows: vec![],
        claims: vec![],
        cells: vec![],
    }
}
pub(super) mod powered;
pub(super) mod rates;
