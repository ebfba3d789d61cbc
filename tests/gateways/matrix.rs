//! The table of docs/gateways/README.md: what each gateway answered. With `UPDATE=1` each test writes its column.

use crate::programs::Kind;
use crate::scenes::ROWS;
use std::sync::{Mutex, PoisonError};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/gateways/README.md");
const BEGIN: &str = "<!-- Written by the tests: UPDATE=1 cargo test --test gateways -->\n";
const END: &str = "<!-- end -->\n";

/// The tests of one run write one after the other.
static WRITING: Mutex<()> = Mutex::new(());

/// Demands that the page says this of the gateway.
pub fn holds(kind: Kind, said: &[String]) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the table's beginning");
    let (table, after) = rest.split_once(END).expect("the table's end");
    let mut columns: Vec<Vec<String>> = Kind::COLUMNS.map(|kind| column_of(table, kind)).into();
    let place = Kind::COLUMNS.iter().position(|other| *other == kind).unwrap();
    columns[place] = said.to_vec();
    let written = format!("{before}{BEGIN}{}{END}{after}", table_of(&columns));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PAGE, &written).unwrap();
    }
    let found = std::fs::read_to_string(PAGE).unwrap();
    assert!(
        found == written,
        "docs/gateways/README.md says something else of {kind:?} than {said:?}: UPDATE=1 cargo test --test gateways"
    );
}

/// What stands under a gateway's heading; `?` where the row is not there.
fn column_of(table: &str, kind: Kind) -> Vec<String> {
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut lines = table.lines();
    let place = lines.next().and_then(|head| cells(head).iter().position(|cell| cell == kind.heading()));
    let rows: Vec<Vec<String>> = lines.map(cells).collect();
    ROWS.iter()
        .map(|row| {
            let cell = rows.iter().find(|cells| cells.first().is_some_and(|first| first == row));
            cell.zip(place)
                .and_then(|(cells, place)| cells.get(place).cloned())
                .unwrap_or_else(|| "?".to_owned())
        })
        .collect()
}

fn table_of(columns: &[Vec<String>]) -> String {
    let headings: Vec<&str> = Kind::COLUMNS.iter().map(|kind| kind.heading()).collect();
    let mut table = format!("| | {} |\n|---|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
    for (place, row) in ROWS.iter().enumerate() {
        let cells: Vec<&str> = columns.iter().map(|column| column[place].as_str()).collect();
        table.push_str(&format!("| {row} | {} |\n", cells.join(" | ")));
    }
    table
}

#[test]
fn the_table_is_read_as_it_is_written() {
    let columns: Vec<Vec<String>> = Kind::COLUMNS
        .iter()
        .map(|kind| ROWS.iter().map(|row| format!("{row} of {}", kind.name())).collect())
        .collect();
    let table = table_of(&columns);
    for (kind, column) in Kind::COLUMNS.into_iter().zip(columns) {
        assert_eq!(column_of(&table, kind), column);
    }
}
