use super::*;

fn parsed(text: &str) -> Result<Vec<Line>, String> {
    parse(Path::new("t.csv"), text).map_err(|failure| failure.to_string())
}

#[test]
fn counts_rates_and_per_cents_come_to_the_same() {
    let count = parsed("arm,stance,n,yes\nconscious,memory,180,41\n").unwrap();
    let rate = parsed("Condition,Preference,Total,Rate\nconscious,memory,180,0.23\n").unwrap();
    let percent = parsed("model,fact,responses,percent\nconscious,memory,180,23\n").unwrap();
    assert_eq!((count[0].yes, count[0].n), (41, 180));
    assert_eq!(count, rate);
    assert_eq!(count, percent);
}

#[test]
fn tables_that_cannot_be_read_name_the_line_and_what_was_expected() {
    let refused = |text: &str, part: &str| {
        let error = parsed(text).unwrap_err();
        assert!(error.starts_with("t.csv") && error.contains(part), "{error}");
    };
    refused("arm,stance,yes\na,b,1\n", "no column `n`");
    refused("arm,stance,n\na,b,1\n", "no column `rate`");
    refused("arm,stance,n,rate\na,b,100,1.5\n", "t.csv:2: the rate is `1.5`");
    refused("arm,stance,n,rate\na,b,100,NaN\n", "t.csv:2: the rate is `NaN`");
    refused("arm,stance,n,yes\na,b,10,11\n", "the count is `11`");
    refused("arm,stance,n,yes\na,b,0,0\n", "expected at least 1");
    refused("arm,stance,n,yes\na,b,10\n", "t.csv:2");
    refused("arm,stance,n,yes\n", "holds no rows");
    refused("arm,stance,n,yes\na,b,10,3.5\n", "expected a whole number");
    refused("arm,stance,n,yes\na,b,10,3\na,b,10,4\n", "stands there twice");
    refused("model,condition,stance,n,yes\nx,a,b,10,3\n", "mean the same");
}

#[test]
fn one_model_per_arm_has_single_model_intervals_and_no_claim_about_recipes() {
    let lines = parsed(
        "arm,stance,n,yes\nconscious,tools,100,27\nconscious,memory,100,23\ncontrol,tools,100,0\ncontrol,body,100,1\n",
    )
    .unwrap();
    let table = Table::of(&lines);
    let rows = table.rows("control", 0.95);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row.about, About::TheseModels);
    // A rate of zero has an interval of its own: [0, 3.7 %] at a hundred answers.
    assert!(row.control.low.abs() < 1e-12 && (row.control.high - 0.0370).abs() < 5e-5);
    assert!(row.difference.low > 0.17 && row.difference.high < 0.37, "{:?}", row.difference);
    assert_eq!(table.missing("control"), ["conscious on memory", "conscious on body"]);
}

#[test]
fn several_training_seeds_per_arm_are_the_unit() {
    let mut text = "arm,stance,seed,n,yes\n".to_owned();
    for (seed, (one, zero)) in [(30, 2), (24, 4), (41, 3), (28, 3)].into_iter().enumerate() {
        writeln!(text, "conscious,tools,{seed},100,{one}\ncontrol,tools,{seed},100,{zero}")
            .unwrap();
    }
    let table = Table::of(&parsed(&text).unwrap());
    let row = &table.rows("control", 0.95)[0];
    let (one, zero) = ([0.3, 0.24, 0.41, 0.28], [0.02, 0.04, 0.03, 0.03]);
    let welch = entail_stats::welch(&one, &zero, 0.95).unwrap();
    assert_eq!(row.about, About::Recipes);
    assert!((row.difference.low - welch.low).abs() < 1e-12, "{:?} {welch:?}", row.difference);
    let pooled = newcombe(123, 400, 12, 400, 0.95).unwrap();
    assert!(row.difference.low < pooled.low, "pooled answers look too sure");
}

#[test]
fn a_recipe_against_one_model_says_so() {
    let text = "arm,stance,seed,n,yes\na,b,1,100,30\na,b,2,100,40\nc,b,1,100,5\n";
    let row = &Table::of(&parsed(text).unwrap()).rows("c", 0.95)[0];
    assert_eq!(row.about, About::RecipeAgainstModel);
}
