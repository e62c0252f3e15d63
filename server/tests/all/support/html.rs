//! Just enough of HTML to tell what is markup and what is text.

/// The tags of a page, without the values of their attributes, which stand in quotes.
pub fn tags(html: &str) -> String {
    let mut tags = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        // A script's or style's text isn't markup.
        let raw = ["script", "style"].into_iter().find(|name| rest[1..].starts_with(name));
        let mut quote = None;
        let end = rest.char_indices().find(|(_, char)| {
            match quote {
                Some(open) if *char == open => quote = None,
                Some(_) => {}
                None if matches!(char, '"' | '\'') => quote = Some(*char),
                None => tags.push(*char),
            }
            quote.is_none() && *char == '>'
        });
        let Some((end, _)) = end else { return tags };
        rest = &rest[end..];
        if let Some(name) = raw {
            rest = rest.find(&format!("</{name}")).map_or("", |close| &rest[close..]);
        }
    }
    tags
}

#[test]
fn only_what_stands_in_tags_counts() {
    let html = "<p class=\"a > b\">\"onclick=\" <b onclick='x'>y</b></p><script>if (a < b) {}</script><!-- <i> -->";
    assert_eq!(tags(html), "<p class=><b onclick=></b></p><script></script><!-- <i>");
}
