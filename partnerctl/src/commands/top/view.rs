//! Draws the live screen.

use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Row, Table, TableState};

use super::screen::{Mode, Screen};
use crate::commands::status::{COLUMNS, cells, needs_a_look};
use crate::journal::{self, Level};
use crate::output::{self, Tone, count};
use crate::state::{BotState, State};

/// The least of columns, in the order of `COLUMNS`.
const WIDTHS: [u16; 14] = [12, 10, 14, 7, 7, 8, 5, 4, 5, 11, 7, 7, 6, 9];

pub fn draw(frame: &mut Frame, screen: &mut Screen) {
    let logs = if screen.logs.is_some() {
        Constraint::Percentage(45)
    } else {
        Constraint::Length(0)
    };
    let parts = [
        Constraint::Length(1),
        Constraint::Min(4),
        logs,
        Constraint::Length(1),
    ];
    let [head, table, log, foot] = Layout::vertical(parts).areas(frame.area());
    frame.render_widget(headline(screen), head);
    draw_table(frame, screen, table);
    if screen.logs.is_some() {
        draw_logs(frame, screen, log);
    }
    frame.render_widget(footline(screen), foot);
    match screen.mode.clone() {
        Mode::Help => popup(frame, "Keys", HELP),
        Mode::Confirm(id) => popup(
            frame,
            "Restart",
            &format!("Restart {id}?\n\ny: yes   any other key: no"),
        ),
        Mode::Table | Mode::Filter => {}
    }
}

const HELP: &str = "\
↑ ↓ j k    choose a bot
/          filter by words; !word: without it
s  r       sort by the next column; turn the order
p          only bots that want a look
l  enter   logs of the chosen bot
R          restart the chosen bot
esc        close the log, drop the filter
q          leave";

fn headline(screen: &Screen) -> Line<'static> {
    let of = |state: State| screen.bots.iter().filter(|bot| bot.state == state).count();
    let troubled = screen.bots.iter().filter(|bot| needs_a_look(bot)).count();
    let memory: u64 = screen.bots.iter().filter_map(|bot| bot.memory_bytes).sum();
    let cpu: f64 = screen
        .bots
        .iter()
        .filter_map(|bot| screen.cpu_of(bot))
        .sum();
    let leads: i64 = screen.bots.iter().filter_map(|bot| bot.leads_today).sum();
    let dim = Style::new().add_modifier(Modifier::DIM);
    let mut spans = vec![
        Span::styled(
            " partnerctl top ",
            Style::new().add_modifier(Modifier::BOLD),
        ),
        Span::styled(count(screen.bots.len(), "bot"), dim),
        Span::raw("  "),
        Span::styled(
            format!("● {} running", of(State::Running)),
            colour(Tone::Good),
        ),
    ];
    if troubled > 0 {
        spans.push(Span::styled(
            format!("  ✖ {troubled} want a look"),
            colour(Tone::Bad),
        ));
    }
    spans.push(Span::raw(format!(
        "  {leads} leads today  {}  {cpu:.1}% cpu",
        output::size(memory)
    )));
    Line::from(spans)
}

fn draw_table(frame: &mut Frame, screen: &mut Screen, area: Rect) {
    let columns = fitting(area.width);
    let rows: Vec<Row> = screen
        .rows()
        .into_iter()
        .map(|bot| {
            let mut cells = cells(bot);
            if let Some(percent) = screen.cpu_of(bot) {
                cells[12].text = format!("{percent:.1}%");
            }
            let cells = columns.iter().map(|at| {
                let cell = &cells[*at];
                let text = Text::from(cell.text.clone()).style(colour(cell.tone));
                let number = COLUMNS[*at].ends_with('>');
                Cell::from(if number {
                    text.alignment(Alignment::Right)
                } else {
                    text
                })
            });
            Row::new(cells.collect::<Vec<_>>())
        })
        .collect();
    let names = columns.iter().map(|at| {
        let name = COLUMNS[*at];
        match name.strip_suffix('>') {
            Some(name) => Cell::from(Text::from(name).alignment(Alignment::Right)),
            None => Cell::from(name),
        }
    });
    let header =
        Row::new(names.collect::<Vec<_>>()).style(Style::new().add_modifier(Modifier::DIM));
    let longest = |name: fn(&BotState) -> usize| screen.bots.iter().map(name).max().unwrap_or(0);
    let partner = longest(|bot| bot.partner.chars().count());
    let username = longest(|bot| bot.username.as_ref().map_or(0, |name| name.len() + 1));
    let at_least =
        |width: usize, at: usize| u16::try_from(width).unwrap_or(WIDTHS[at]).max(WIDTHS[at]);
    let widths = columns.iter().map(|at| match at {
        1 => Constraint::Length(at_least(partner, 1)),
        2 => Constraint::Max(at_least(username, 2)),
        at => Constraint::Length(WIDTHS[*at]),
    });
    let is_empty = rows.is_empty();
    let table = Table::new(rows, widths)
        .header(header)
        .column_spacing(1)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(Some(screen.selected));
    frame.render_stateful_widget(table, area, &mut state);
    if is_empty {
        let text = if screen.bots.is_empty() {
            "no bots"
        } else {
            "none fits; esc shows all"
        };
        let below = Rect {
            y: area.y + 2,
            height: 1,
            ..area
        };
        frame.render_widget(Paragraph::new(text).alignment(Alignment::Center), below);
    }
}

/// The columns there is room for; what matters less goes first.
fn fitting(width: u16) -> Vec<usize> {
    const LESS: [usize; 9] = [13, 3, 2, 9, 5, 10, 12, 11, 4];
    let mut columns: Vec<usize> = (0..WIDTHS.len()).collect();
    for less in LESS {
        let needed: u16 = columns.iter().map(|at| WIDTHS[*at] + 1).sum();
        if needed <= width {
            break;
        }
        columns.retain(|at| *at != less);
    }
    columns
}

fn draw_logs(frame: &mut Frame, screen: &Screen, area: Rect) {
    let partner = screen.selected().unwrap_or_default();
    let block = Block::new()
        .borders(Borders::TOP)
        .title(format!(" log of {partner} "));
    let room = usize::from(area.height.saturating_sub(1));
    let entries = screen.logs.as_deref().unwrap_or_default();
    let zone = TimeZone::system();
    let lines: Vec<Line> = entries[entries.len().saturating_sub(room)..]
        .iter()
        .map(|entry| {
            let tone = match entry.level {
                Level::Error => Tone::Bad,
                Level::Warn => Tone::Warn,
                Level::Info | Level::Debug => Tone::Plain,
            };
            let text = journal::render(entry, 0, &zone, false).replace('\n', " ");
            Line::styled(text, colour(tone))
        })
        .collect();
    let text = if lines.is_empty() {
        Text::from("no lines in the journal")
    } else {
        Text::from(lines)
    };
    frame.render_widget(Paragraph::new(text).block(block), area);
}

fn footline(screen: &Screen) -> Line<'static> {
    if screen.mode == Mode::Filter {
        return Line::from(format!(" /{}▏  enter: keep  esc: drop", screen.filter));
    }
    if !screen.message.is_empty() {
        return Line::styled(format!(" {}", screen.message), colour(Tone::Warn));
    }
    let rows = screen.rows();
    if let Some((bot, reason)) = rows
        .get(screen.selected)
        .and_then(|bot| Some((bot, bot.reason.as_ref()?)))
    {
        return Line::styled(
            format!(" {}: {reason}", bot.partner),
            colour(bot.state.tone()),
        );
    }
    let order = if screen.is_reversed { " reversed" } else { "" };
    let filter = if screen.filter.is_empty() {
        String::new()
    } else {
        format!("  filter: {}", screen.filter)
    };
    let problems = if screen.only_problems {
        "  only problems"
    } else {
        ""
    };
    let keys = " ? keys  / filter  s sort  p problems  l logs  R restart  q quit";
    Line::styled(
        format!(
            "{keys}   by {}{order}{filter}{problems}",
            screen.sort.word()
        ),
        Style::new().add_modifier(Modifier::DIM),
    )
}

fn popup(frame: &mut Frame, title: &str, text: &str) {
    let width = text
        .lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0) as u16
        + 4;
    let height = text.lines().count() as u16 + 2;
    let area = frame.area();
    let (width, height) = (width.min(area.width), height.min(area.height));
    let place = Rect {
        x: (area.width - width) / 2,
        y: (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, place);
    let block = Block::bordered()
        .title(format!(" {title} "))
        .padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Paragraph::new(text).block(block), place);
}

fn colour(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Warn => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red),
        Tone::Dim => Style::new().add_modifier(Modifier::DIM),
    }
}
