//! What was measured, and the tables that are made of it.

use std::fmt::Write as _;

/// What a table is about, in the order that they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Rate,
    Cost,
    Latency,
    Loss,
    Computer,
}

/// One value of one round.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) topic: Topic,
    /// What it is, with its unit.
    pub(crate) what: String,
    pub(crate) value: f64,
}

/// The figures of each contender, by round.
#[derive(Debug)]
pub(crate) struct Results {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    rounds: Vec<Vec<Figure>>,
}

impl Topic {
    const ALL: [Self; 5] = [Self::Rate, Self::Cost, Self::Latency, Self::Loss, Self::Computer];

    fn title(self) -> &'static str {
        match self {
            Self::Rate => "Rate",
            Self::Cost => "Cost to the client",
            Self::Latency => "Latency",
            Self::Loss => "Where UDP packets are lost",
            Self::Computer => "The processors",
        }
    }

    /// Whether the first column is compared with the others.
    fn is_compared(self) -> bool {
        match self {
            Self::Rate | Self::Cost | Self::Latency => true,
            Self::Loss | Self::Computer => false,
        }
    }
}

impl Figure {
    pub(crate) fn new(topic: Topic, what: impl Into<String>, value: f64) -> Self {
        Self { topic, what: what.into(), value }
    }
}

impl Results {
    /// For contenders of these names; the others are compared with the first.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let column = |name: &str| Column { name: name.to_owned(), rounds: Vec::new() };
        Self { columns: names.map(column).collect() }
    }

    /// Adds a round of a contender; an empty one if it failed.
    pub(crate) fn add(&mut self, contender: usize, figures: Vec<Figure>) {
        self.columns[contender].rounds.push(figures);
    }

    /// A Markdown table for each topic. A cell has the median and, of several rounds, the least and the most; then by how
    /// much the first contender's figure is a multiple of this one, as the median of the ratios in the same round.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        for topic in Topic::ALL {
            let rows = self.rows(topic);
            if rows.is_empty() {
                continue;
            }
            let names = self.columns.iter().map(|column| column.name.as_str());
            let rule = "---:|".repeat(self.columns.len());
            _ = write!(text, "\n| {} | ", topic.title());
            _ = writeln!(text, "{} |\n|---|{rule}", names.collect::<Vec<_>>().join(" | "));
            for row in rows {
                let cells = self.columns.iter().map(|column| self.cell(column, topic, row));
                _ = writeln!(text, "| {row} | {} |", cells.collect::<Vec<_>>().join(" | "));
            }
        }
        text
    }

    /// In the order in which they were measured.
    fn rows(&self, topic: Topic) -> Vec<&str> {
        let mut rows = Vec::new();
        for figure in self.columns.iter().flat_map(|column| column.rounds.iter().flatten()) {
            if figure.topic == topic && !rows.contains(&figure.what.as_str()) {
                rows.push(&figure.what);
            }
        }
        rows
    }

    fn cell(&self, column: &Column, topic: Topic, row: &str) -> String {
        let values: Vec<f64> = column.rounds.iter().filter_map(|round| find(round, row)).collect();
        let Some(middle) = median(values.clone()) else { return "–".into() };
        let mut text = number(middle);
        if values.len() > 1 {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            _ = write!(text, " [{}–{}]", number(least), number(most));
        }
        let first = &self.columns[0];
        if topic.is_compared() && !std::ptr::eq(first, column) {
            let rounds = first.rounds.iter().zip(&column.rounds);
            let ratios = rounds.filter_map(|(ours, theirs)| {
                Some(find(ours, row)? / find(theirs, row).filter(|value| *value > 0.0)?)
            });
            if let Some(ratio) = median(ratios.collect()) {
                _ = write!(text, " ×{ratio:.2}");
            }
        }
        text
    }
}

fn find(round: &[Figure], what: &str) -> Option<f64> {
    round.iter().find(|figure| figure.what == what).map(|figure| figure.value)
}

/// Of an even number of values, the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

/// Three figures that count.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    // Without the sign of a negative zero.
    format!("{:.digits$}", value + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round_also_after_a_failed_one() {
        let mut results = Results::of(["ours", "theirs"].into_iter());
        for (contender, values) in [(0, [8.0, 2.0, 4.0, 9.0]), (1, [0.0, 1.0, 1.0, 3.0])] {
            for value in values {
                let figure = Figure::new(Topic::Rate, "speed", value);
                results.add(contender, if value > 0.0 { vec![figure] } else { Vec::new() });
            }
        }
        let tables = results.tables();
        let row = tables.lines().last();
        assert_eq!(row, Some("| speed | 6.00 [2.00–9.00] | 1.00 [1.00–3.00] ×3.00 |"));
    }
}
