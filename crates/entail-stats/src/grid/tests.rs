use super::*;

#[test]
fn cells_hold_what_means_and_spreads_need() {
    let scores = Cell::of_scores(&[1.0, 4.0, 7.0]);
    assert_eq!(scores.mean(), Some(4.0));
    assert!((scores.within() - 18.0).abs() < 1e-12);
    let labels = Cell::of_counts(3, 10);
    assert!((labels.within() - 10.0 * 0.3 * 0.7).abs() < 1e-12);
    assert_eq!(labels.plus(&Cell::of_counts(2, 10)), Cell::of_counts(5, 20));
    assert_eq!((Cell::default().mean(), Cell::default().within()), (None, 0.0));
}

#[test]
fn totals_run_along_rows_and_columns() {
    let grid = Grid::of_counts(&[vec![(1, 10), (5, 10)], vec![(2, 10), (0, 0)]]).unwrap();
    assert_eq!((grid.replicates(), grid.prompts()), (2, 2));
    assert_eq!(grid.replicate_totals(), [Cell::of_counts(6, 20), Cell::of_counts(2, 10)]);
    assert_eq!(grid.prompt_totals(), [Cell::of_counts(3, 20), Cell::of_counts(5, 10)]);
    assert_eq!(grid.replicate_means(), Some(vec![0.3, 0.2]));
}

#[test]
fn cells_that_are_no_grid_are_refused_with_their_place() {
    assert_eq!(Grid::new(Vec::new()), Err(GridError::Empty { replicates: 0, prompts: 0 }));
    let empty = Grid::new(vec![Vec::new(), Vec::new()]);
    assert_eq!(empty, Err(GridError::Empty { replicates: 2, prompts: 0 }));
    let ragged = Grid::of_counts(&[vec![(1, 2), (1, 2)], vec![(1, 2)]]);
    assert_eq!(ragged, Err(GridError::Ragged { replicate: 1, found: 1, expected: 2 }));
    let nan = Grid::new(vec![vec![Cell::of_scores(&[1.0]), Cell::of_scores(&[f64::NAN])]]);
    assert_eq!(nan, Err(GridError::NotFinite { replicate: 0, prompt: 1 }));
    let silent = Grid::of_counts(&[vec![(1, 2)], vec![(0, 0)]]).unwrap();
    assert_eq!(silent.replicate_means(), None);
}
