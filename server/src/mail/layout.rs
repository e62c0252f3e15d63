//! How mails look. A mail is a list of blocks and is written twice from it, so that the plain part and the HTML part can't
//! say different things: plain, narrow, without images, in the reader's own colours.

use std::fmt::Write;

/// Columns of the plain part (RFC 3676 advises lines of 78 or fewer; quoted in an answer they should still fit).
const WIDTH: usize = 72;
const FONT: &str = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5";
const MONO: &str = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace";

/// A part of a mail. Texts are as said to people; escaping and wrapping happen here.
pub(super) enum Block {
    /// Sentences.
    Paragraph(String),
    /// A code, to be typed elsewhere.
    Code(String),
    /// A web address, and what to call it.
    Link { label: String, address: String },
    /// Names of things and the things, a line each.
    Facts(Vec<(&'static str, String)>),
    /// Some of a kind.
    List(Vec<String>),
}

/// The plain part.
pub(super) fn text(blocks: &[Block]) -> String {
    let mut parts: Vec<String> = blocks.iter().map(text_of).collect();
    parts.push("Countersign".into());
    format!("{}\n", parts.join("\n\n"))
}

fn text_of(block: &Block) -> String {
    match block {
        Block::Paragraph(sentences) => wrapped(sentences),
        Block::Code(code) => format!("    {code}"),
        Block::Link { label, address } => format!("{label}:\n{address}"),
        Block::Facts(facts) => {
            let widest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 1;
            let lines: Vec<String> = facts.iter().map(|(name, value)| format!("{:<widest$} {value}", format!("{name}:"))).collect();
            lines.join("\n")
        }
        Block::List(items) => items.iter().map(|item| format!("  * {item}")).collect::<Vec<_>>().join("\n"),
    }
}

/// The HTML part. Mail programs drop style sheets, so the styles stand at the elements; only what can't stand there (which
/// colour schemes it is made for) is in the head. It sets no colours: whatever the reader's are, they fit together.
pub(super) fn html(title: &str, blocks: &[Block]) -> String {
    let body: String = blocks.iter().map(html_of).collect();
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <style>:root {{ color-scheme: light dark; supported-color-schemes: light dark; }}</style>\n\
         <title>{title}</title>\n\
         </head>\n\
         <body style=\"margin:0;padding:24px 16px\">\n\
         <div style=\"max-width:34em;margin:0 auto;{FONT}\">\n\
         {body}\
         <p style=\"margin:32px 0 0;font-size:14px\">Countersign</p>\n\
         </div>\n\
         </body>\n\
         </html>\n",
        title = escaped(title),
    )
}

fn html_of(block: &Block) -> String {
    match block {
        Block::Paragraph(sentences) => format!("<p style=\"margin:0 0 16px\">{}</p>\n", escaped(sentences)),
        // 19 characters of 22 px fit on a phone of 320 px.
        Block::Code(code) => format!(
            "<p style=\"margin:0 0 16px;padding:16px 8px;border:2px solid;border-radius:8px;text-align:center;{MONO};font-size:22px;font-weight:bold\">{}</p>\n",
            escaped(code)
        ),
        Block::Link { label, address } => {
            let (label, address) = (escaped(label), escaped(address));
            format!(
                "<p style=\"margin:0 0 16px\"><a href=\"{address}\" style=\"font-weight:bold\">{label}</a><br>\n\
                 <span style=\"font-size:14px;overflow-wrap:anywhere;word-break:break-word\">{address}</span></p>\n"
            )
        }
        Block::Facts(facts) => {
            let lines = facts
                .iter()
                .map(|(name, value)| format!("{}: <b style=\"overflow-wrap:anywhere\"><bdi>{}</bdi></b>", escaped(name), escaped(value)));
            format!("<p style=\"margin:0 0 16px\">{}</p>\n", lines.collect::<Vec<_>>().join("<br>\n"))
        }
        Block::List(items) => {
            let items: Vec<String> = items.iter().map(|item| format!("<li><bdi>{}</bdi></li>\n", escaped(item))).collect();
            format!("<ul style=\"margin:0 0 16px;padding-left:24px\">\n{}</ul>\n", items.concat())
        }
    }
}

/// Safe as text and as an attribute's value.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Broken at spaces into lines of at most [`WIDTH`] characters; a longer word stays whole.
fn wrapped(sentences: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in sentences.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// A name that strangers typed, so that it stays a name: on one line, and without becoming a link. Mail programs make links
/// of anything like `evil.example/offer`; then anyone could have this server send their advertising to anyone. An invisible
/// word joiner behind the dots, colons, slashes and at-signs inside of it prevents that. Domain names know three more dots
/// (RFC 3490, section 3.1).
pub(super) fn name(typed: &str) -> String {
    let mut out = String::with_capacity(typed.len());
    let mut chars = typed.trim().chars().map(|char| if char.is_control() { ' ' } else { char }).peekable();
    while let Some(char) = chars.next() {
        out.push(char);
        let could_link = matches!(char, '.' | '\u{3002}' | '\u{FF0E}' | '\u{FF61}' | ':' | '/' | '@');
        if could_link && chars.peek().is_some_and(|next| !next.is_whitespace()) {
            out.push('\u{2060}');
        }
    }
    out
}

/// `1234567890123456` as `1234 5678 9012 3456`.
pub fn grouped(code: &str) -> String {
    let mut out = String::new();
    for (index, char) in code.chars().enumerate() {
        let separator = if index > 0 && index % 4 == 0 { " " } else { "" };
        // Writing into a String can't fail.
        let _ = write!(out, "{separator}{char}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces_only() {
        let long = "x".repeat(100);
        let broken = wrapped(&format!("{} {long} {}", "word ".repeat(20).trim_end(), "word ".repeat(3).trim_end()));
        assert!(broken.lines().all(|line| line.len() <= WIDTH || line == long), "{broken}");
        assert_eq!(broken.replace('\n', " ").matches("word").count(), 23);
        assert_eq!(wrapped("łódź ".repeat(15).trim_end()).lines().next().unwrap().chars().count(), 69);
    }

    #[test]
    fn names_never_become_links() {
        assert_eq!(name("Acme Inc."), "Acme Inc.");
        assert_eq!(name("Dr. Ada O’Connor"), "Dr. Ada O’Connor");
        assert_eq!(name("evil.example"), "evil.\u{2060}example");
        assert_eq!(name("https://evil.example"), "https:\u{2060}/\u{2060}/\u{2060}evil.\u{2060}example");
        assert_eq!(name("evil。example"), "evil。\u{2060}example");
        assert_eq!(name("a\r\nb\0c"), "a  b c");
    }

    #[test]
    fn everything_is_escaped() {
        let hostile = "<script>\"'&";
        let blocks = [
            Block::Paragraph(hostile.into()),
            Block::Code(hostile.into()),
            Block::Link { label: hostile.into(), address: hostile.into() },
            Block::Facts(vec![("Name", hostile.into())]),
            Block::List(vec![hostile.into()]),
        ];
        let html = html(hostile, &blocks);
        assert!(!html.contains("<script>") && !html.contains("\"'"), "{html}");
        assert_eq!(html.matches("&lt;script&gt;&quot;&#39;&amp;").count(), 8);
    }

    #[test]
    fn codes_are_written_in_fours() {
        assert_eq!(grouped("1234567890123456"), "1234 5678 9012 3456");
        assert_eq!(grouped(""), "");
    }
}
