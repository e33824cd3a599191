//! Text in columns for a terminal: names on the left, figures right-aligned, nothing cut off.
//!
//! A grid too wide for the terminal first does without its optional columns; then names that are
//! still too long get a line of their own above their figures. Figures are never broken or shortened.

use super::paint::{Paint, Style};

/// Between two columns.
const GAP: usize = 2;

/// What is left for names, however wide the figures are.
const NARROWEST_NAME: usize = 12;

/// A text in its style.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A text from anywhere: what would move the cursor or turn the text round is struck out.
    pub fn new(text: impl AsRef<str>, style: Style) -> Self {
        Self { text: clean(text.as_ref()).trim_end().to_owned(), style }
    }

    /// A text without a style.
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::new(text, Style::Plain)
    }

    fn width(&self) -> usize {
        width(&self.text)
    }
}

/// Names and the figures that go with them. All lines share their columns, those of several
/// sections too, so that the figures of one stand under those of the other.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// Columns of figures, from 0, that a narrow terminal has to do without.
    optional: Vec<usize>,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
enum Line {
    Head { title: &'static str, about: &'static str, cells: Vec<Cell> },
    Row { indent: usize, name: Cell, cells: Vec<Cell> },
    Note { indent: usize, text: Cell },
    Blank,
}

impl Grid {
    /// An empty one. `optional` are the columns of figures, from 0, that can be done without.
    pub fn new(optional: &[usize]) -> Self {
        Self { optional: optional.to_vec(), lines: Vec::new() }
    }

    /// Starts a section: an empty line unless it is the first, then the title, what it is about
    /// where there is room to say so, and the headings of the columns.
    pub fn head(&mut self, title: &'static str, about: &'static str, headings: &[&str]) {
        if !self.lines.is_empty() {
            self.lines.push(Line::Blank);
        }
        let cells = headings.iter().map(|heading| Cell::new(heading, Style::Faint)).collect();
        self.lines.push(Line::Head { title, about, cells });
    }

    /// A name and its figures.
    pub fn row(&mut self, indent: usize, name: Cell, cells: Vec<Cell>) {
        self.lines.push(Line::Row { indent, name, cells });
    }

    /// A remark on the row above, as long as it needs to be.
    pub fn note(&mut self, indent: usize, text: Cell) {
        self.lines.push(Line::Note { indent, text });
    }

    /// The text, each line ended. Fits in `columns` unless a single name or figure is too long.
    pub fn render(&self, columns: usize, paint: Paint) -> String {
        let layout = self.layout(columns);
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Blank => text.push('\n'),
                Line::Head { title, about, cells } => {
                    layout.put(&mut text, paint, &layout.heading(title, about), cells);
                }
                Line::Row { indent, name, cells } => {
                    let indent = Cell { text: " ".repeat(*indent), style: Style::Plain };
                    let name = [indent, name.clone()];
                    layout.put(&mut text, paint, &name, cells);
                }
                Line::Note { indent, text: note } => {
                    for line in wrap(&note.text, [*indent, indent + 2], columns) {
                        text.push_str(&paint.apply(note.style, &line));
                        text.push('\n');
                    }
                }
            }
        }
        text
    }

    fn layout(&self, columns: usize) -> Layout {
        let mut widths: Vec<usize> = Vec::new();
        let (mut needed, mut wanted) = (0, 0);
        for line in &self.lines {
            let (name, about, cells) = match line {
                Line::Head { title, about, cells } => (width(title), *about, cells),
                Line::Row { indent, name, cells } => (indent + name.width(), "", cells),
                Line::Note { .. } | Line::Blank => continue,
            };
            needed = needed.max(name);
            wanted = wanted.max(if about.is_empty() { name } else { name + 3 + width(about) });
            widths.resize(widths.len().max(cells.len()), 0);
            widths.iter_mut().zip(cells).for_each(|(widest, cell)| {
                *widest = (*widest).max(cell.width());
            });
        }
        let mut figures: Vec<_> = widths.into_iter().map(Some).collect();
        if needed + total(&figures) > columns {
            let optional = figures.iter_mut().enumerate();
            optional
                .filter(|(place, _)| self.optional.contains(place))
                .for_each(|(_, column)| *column = None);
        }
        let left = columns.saturating_sub(total(&figures));
        Layout { name: wanted.min(left).max(NARROWEST_NAME), figures }
    }
}

fn total(figures: &[Option<usize>]) -> usize {
    figures.iter().flatten().map(|width| width + GAP).sum()
}

/// How wide everything is. None is a column that is left out.
struct Layout {
    name: usize,
    figures: Vec<Option<usize>>,
}

impl Layout {
    fn heading(&self, title: &str, about: &str) -> Vec<Cell> {
        let mut cells = vec![Cell::new(title, Style::Strong)];
        if !about.is_empty() && width(title) + 3 + width(about) <= self.name {
            cells.push(Cell::new(format!(" · {about}"), Style::Faint));
        }
        cells
    }

    fn put(&self, text: &mut String, paint: Paint, name: &[Cell], cells: &[Cell]) {
        let painted = |cell: &Cell| paint.apply(cell.style, &cell.text);
        name.iter().for_each(|cell| text.push_str(&painted(cell)));
        let mut filled: usize = name.iter().map(Cell::width).sum();
        if filled > self.name && cells.iter().any(|cell| !cell.text.is_empty()) {
            text.push('\n');
            filled = 0;
        }
        let mut pending = self.name.saturating_sub(filled);
        for (cell, column) in cells.iter().zip(&self.figures) {
            let Some(column) = column else { continue };
            pending += GAP + column.saturating_sub(cell.width());
            if !cell.text.is_empty() {
                text.push_str(&" ".repeat(pending));
                text.push_str(&painted(cell));
                pending = 0;
            }
        }
        text.push('\n');
    }
}

/// A text in lines of at most `columns`, broken between words. The indents are those of the first
/// line and of the rest. A word that is longer stays whole.
pub fn wrap(text: &str, [first, rest]: [usize; 2], columns: usize) -> Vec<String> {
    let text = clean(text);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(format!("{}{word}", " ".repeat(first))),
            Some(_) => lines.push(format!("{}{word}", " ".repeat(rest))),
        }
    }
    lines
}

/// What a terminal can be given: names come from tenants and files. Control characters, line breaks
/// and marks that change the direction of text become `�`.
pub fn clean(text: &str) -> String {
    let is_unfit = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if is_unfit(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Columns that a text takes up, at one for each character: names in scripts with wide characters
/// set their line off.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(names: &[&str]) -> Grid {
        let mut grid = Grid::new(&[1]);
        grid.head("Fruit", "sold by weight", &["count", "p90", "p95"]);
        for name in names {
            let cells = ["12", "3.00 ms", "4.00 ms"].map(Cell::plain);
            grid.row(2, Cell::plain(name), cells.to_vec());
        }
        grid
    }

    #[test]
    fn figures_stand_under_their_headings() {
        insta::assert_snapshot!(grid(&["apple", "pear"]).render(60, Paint::Plain), @"
        Fruit · sold by weight  count      p90      p95
          apple                    12  3.00 ms  4.00 ms
          pear                     12  3.00 ms  4.00 ms
        ");
    }

    #[test]
    fn too_little_room_takes_the_optional_column_then_the_line_of_long_names() {
        let names = ["apple", "a pear of a rare kind"];
        insta::assert_snapshot!(grid(&names).render(42, Paint::Plain), @"
        Fruit · sold by weight   count      p95
          apple                     12  4.00 ms
          a pear of a rare kind     12  4.00 ms
        ");
        insta::assert_snapshot!(grid(&names).render(32, Paint::Plain), @"
        Fruit             count      p95
          apple              12  4.00 ms
          a pear of a rare kind
                             12  4.00 ms
        ");
    }

    #[test]
    fn colours_do_not_move_anything() {
        let strip = |text: String| {
            ["\x1b[0m", "\x1b[1m", "\x1b[2m"].iter().fold(text, |text, code| text.replace(code, ""))
        };
        let grid = grid(&["apple", "a pear of a rare kind"]);
        let painted = grid.render(42, Paint::Ansi);
        assert!(painted.contains("\x1b[1mFruit"));
        assert_eq!(strip(painted), grid.render(42, Paint::Plain));
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\nc\u{202e}d"), "a�[2Jb�c�d");
    }

    proptest! {
        #[test]
        fn wrapping_keeps_every_word_and_the_width(
            words in prop::collection::vec("[a-z]{1,12}", 0..40),
            indent in 0usize..8,
            columns in 20usize..100,
        ) {
            let lines = wrap(&words.join(" "), [indent, indent + 2], columns);
            let kept: Vec<_> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            prop_assert_eq!(kept, words);
            prop_assert!(lines.iter().all(|line| width(line) <= columns.max(indent + 14)));
        }
    }
}
