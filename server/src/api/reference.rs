//! The API's description as people read it, at `/docs`: one page, written by the server from the very description that programs
//! get, so that the two can't say different things. It needs no script, and nothing but one stylesheet, `/docs.css`.
//!
//! ```text
//! description ─► JSON ─► sections by tag ─► calls ─► shapes of bodies and answers ─► HTML
//! ```

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The methods that a path may have, in the order in which its calls are shown.
const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];
/// Said in the introduction, and not of each call again.
const USER_ACTION: &str = "X-DFNS-USERACTION";
/// The places that the page itself has.
const PLACES: [&str; 8] = ["content", "how-to-call", "token", "signature", "bodies", "lists", "limits", "errors"];
/// Where tags don't say otherwise.
const OTHERS: &str = "Other calls";

const HEAD: &str = r##"<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f6f3ec" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#12151d" media="(prefers-color-scheme: dark)">
<link rel="icon" href="/seal.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs.css">
"##;

const HOW_TO_CALL: &str = r#"<section>
<h2 id="how-to-call">How to call</h2>
<h3 id="token">A token says who calls</h3>
<p>It goes into the header <code>Authorization: Bearer …</code> of every call that needs one. Whoever logs in gets one for six hours:
ask for a challenge at <code>/auth/login/init</code>, sign it, and hand the signature in at <code>/auth/login</code>. A program has one
of its own, which was shown when its service account or personal access token was made. A token that was revoked, or whose owner was
deactivated, stops at once.</p>
<p>The calls that finish a registration or a recovery take the <code>temporaryAuthenticationToken</code> of the call that began it.
The cookie of the pages isn't accepted here.</p>
<h3 id="signature">A change is signed before it is executed</h3>
<ol>
<li>Announce the call at <code>/auth/action/init</code>: its method, its path, and the JSON text of its body. The answer has a
challenge and, as <code>action</code>, the document that the challenge was computed from: SHA-256 over
<code>countersign/action/v1</code>, a zero byte, the document's length in four bytes (big-endian), and the document.</li>
<li>Sign the challenge with a passkey or a key, and hand the signature in at <code>/auth/action</code>. The answer has a
<code>userAction</code>.</li>
<li>Make the call itself, with the <code>userAction</code> in the header <code>X-DFNS-USERACTION</code>.</li>
</ol>
<p>All of that takes five minutes at most, and each signature counts once. The call has to mean what was announced; neither the order
of members nor white space matters. What is executed is what stands in the document.</p>
<h3 id="bodies">Bodies</h3>
<p>JSON, with <code>Content-Type: application/json</code>, of 64 KiB at most. A member or a parameter that the call doesn't know is
refused. Bytes are written in base64url without padding, times as in <code>2026-11-22T10:30:00Z</code>.</p>
<h3 id="lists">Lists come in pages</h3>
<p><code>limit</code> says how many items a page has, from 1 to 200. When there is more, the answer has a
<code>nextPageToken</code>: send it as <code>paginationToken</code>.</p>
<h3 id="limits">How often</h3>
<p>What isn't a <code>GET</code> is counted by address, or by the first 64 bits of an IPv6 address: 120 a minute, unless the server's
operator decided otherwise. Mails and codes are counted by mail address. Whoever calls too often gets a 429, whose header
<code>Retry-After</code> says after how many seconds to go on.</p>
</section>
"#;

const ERRORS: &str = r#"<section>
<h2 id="errors">Errors</h2>
<p>Every error has the same form:</p>
<pre><code>{ "error": { "message": "…", "code": "…", "id": "…" } }</code></pre>
<p><code>message</code> is for people, <code>code</code> for programs: it stays what it is. By <code>id</code> the server's log knows
what happened. What is another organization's isn't there.</p>
"#;

/// The page.
pub(super) fn page(description: &utoipa::openapi::OpenApi) -> String {
    // There is nothing in a description that JSON can't say.
    let description = serde_json::to_value(description).unwrap_or_default();
    let reader = Reader { description: &description };
    let (sections, errors) = (reader.sections(), reader.errors());
    let title = format!("{} API", escaped(text(&description["info"], "title")));
    let lead = paragraphs(text(&description["info"], "description"));
    let contents = contents(&sections);
    let calls: String = sections.iter().map(|section| reader.section(section, &errors)).collect();
    let errors = reader.table_of_errors(&errors);
    let version = escaped(text(&description["info"], "version"));
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         {HEAD}\
         <title>{title}</title>\n\
         </head>\n\
         <body>\n\
         <a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
         <header>\n\
         <a class=\"brand\" href=\"/\">Countersign</a>\n\
         <p>Version {version}. For programs: <a href=\"/openapi.json\">the description as OpenAPI</a></p>\n\
         </header>\n\
         <div class=\"frame\">\n\
         {contents}\
         <main id=\"content\" tabindex=\"-1\">\n\
         <h1>{title}</h1>\n\
         <div class=\"lead\">{lead}</div>\n\
         {HOW_TO_CALL}\
         {errors}\
         {calls}\
         </main>\n\
         </div>\n\
         </body>\n\
         </html>\n"
    )
}

/// The calls of a tag.
struct Section<'a> {
    name: &'a str,
    description: &'a str,
    place: String,
    calls: Vec<Call<'a>>,
}

/// A method of a path.
struct Call<'a> {
    method: String,
    path: &'a str,
    place: String,
    /// What is said of the path, whatever the method.
    of_path: &'a Value,
    of_call: &'a Value,
}

impl<'a> Call<'a> {
    /// What begins something stands before what goes on with it.
    fn order(&self) -> (&'a str, bool, Option<usize>) {
        let (path, begins) = self.path.strip_suffix("/init").map_or((self.path, false), |path| (path, true));
        (path, !begins, METHODS.iter().position(|method| method.eq_ignore_ascii_case(&self.method)))
    }

    fn tag(&self) -> &'a str {
        self.of_call["tags"][0].as_str().unwrap_or_default()
    }

    fn name(&self) -> String {
        format!("<span class=\"method\">{}</span> <code>{}</code>", self.method, escaped(self.path))
    }

    /// Whether it is to be signed is said by the header that shows it.
    fn is_signed(&self) -> bool {
        list(&self.of_call["parameters"]).any(|parameter| text(parameter, "name").eq_ignore_ascii_case(USER_ACTION))
    }

    fn needs(&self) -> &'static str {
        match (list(&self.of_call["security"]).next().is_some(), self.is_signed()) {
            (false, false) => "Needs no token.",
            (true, false) => "Needs <a href=\"#token\">a token</a>.",
            (_, true) => "Needs <a href=\"#token\">a token</a> and <a href=\"#signature\">a signature</a>.",
        }
    }
}

/// Names of places on the page, no two of them the same.
struct Places(BTreeSet<String>);

impl Places {
    fn name(&mut self, text: &str) -> String {
        let words: Vec<&str> = text.split(|char: char| !char.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let name = words.join("-").to_ascii_lowercase();
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
}

/// What a value looks like. Its texts are plain, with code between backticks.
#[derive(Default)]
struct Shape {
    /// As in "string or null, at most 100 characters".
    kind: String,
    description: String,
    /// Of an object, or of each object of a list.
    members: Vec<Member>,
    /// It is one of these.
    choices: Vec<Shape>,
}

struct Member {
    /// Empty, when it may be any.
    name: String,
    is_required: bool,
    shape: Shape,
}

/// Which way a value goes: what is optional in a body may be missing in an answer.
#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

/// Reads the description.
struct Reader<'a> {
    description: &'a Value,
}

impl<'a> Reader<'a> {
    /// What a reference is to, or what is there itself.
    fn resolved(&self, value: &'a Value) -> &'a Value {
        self.target(value).unwrap_or(value)
    }

    fn target(&self, value: &'a Value) -> Option<&'a Value> {
        self.description.pointer(value["$ref"].as_str()?.strip_prefix('#')?)
    }

    fn calls(&self, places: &mut Places) -> Vec<Call<'a>> {
        let mut calls = Vec::new();
        for (path, of_path) in self.description["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                if let Some(of_call) = of_path.get(method) {
                    let place = places.name(&format!("{method} {path}"));
                    calls.push(Call { method: method.to_ascii_uppercase(), path, place, of_path, of_call });
                }
            }
        }
        calls.sort_by(|one, other| one.order().cmp(&other.order()));
        calls
    }

    /// By tag, in the description's order; whatever has no tag of these comes last.
    fn sections(&self) -> Vec<Section<'a>> {
        let mut places = Places(PLACES.into_iter().map(str::to_owned).collect());
        let mut calls = self.calls(&mut places);
        let mut sections = Vec::new();
        for tag in list(&self.description["tags"]) {
            let name = text(tag, "name");
            let (own, others) = calls.into_iter().partition(|call| call.tag() == name);
            calls = others;
            sections.push(Section { name, description: text(tag, "description"), place: places.name(name), calls: own });
        }
        sections.push(Section { name: OTHERS, description: "", place: places.name(OTHERS), calls });
        sections.retain(|section| !section.calls.is_empty());
        sections
    }

    /// What each status from 400 on means: as the first call says that has it.
    fn errors(&self) -> BTreeMap<&'a str, &'a str> {
        let mut errors = BTreeMap::new();
        for of_path in self.description["paths"].as_object().into_iter().flat_map(|paths| paths.values()) {
            for of_call in METHODS.iter().filter_map(|method| of_path.get(method)) {
                for (status, response) in self.responses(of_call).filter(|(status, _)| is_error(status)) {
                    errors.entry(status).or_insert_with(|| text(response, "description"));
                }
            }
        }
        errors
    }

    fn responses(&self, of_call: &'a Value) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let responses = of_call["responses"].as_object().into_iter().flatten();
        responses.map(|(status, response)| (status.as_str(), self.resolved(response)))
    }

    fn table_of_errors(&self, errors: &BTreeMap<&str, &str>) -> String {
        let row = |(status, meaning): (&&str, &&str)| {
            format!("<tr><th scope=\"row\"><code>{}</code></th><td>{}</td></tr>\n", escaped(status), inline(meaning))
        };
        let rows = errors.iter().map(row).collect::<Vec<_>>().concat();
        let table = if rows.is_empty() {
            String::new()
        } else {
            format!(
                "<table>\n<caption>What a status means</caption>\n\
                 <thead><tr><th scope=\"col\">Status</th><th scope=\"col\">Meaning</th></tr></thead>\n\
                 <tbody>\n{rows}</tbody>\n</table>\n"
            )
        };
        format!("{ERRORS}{}{table}</section>\n", self.codes())
    }

    /// The words of `code`, where the description says them.
    fn codes(&self) -> String {
        let schemas = &self.description["components"]["schemas"];
        let details = self.resolved(&schemas["Error"]["properties"]["error"]);
        let codes = &self.resolved(&details["properties"]["code"])["enum"];
        let codes: Vec<String> = list(codes).map(|code| format!("<code>{}</code>", escaped(&plain(code)))).collect();
        if codes.is_empty() { String::new() } else { format!("<p><code>code</code> is {}.</p>\n", joined(&codes)) }
    }

    fn section(&self, section: &Section<'a>, errors: &BTreeMap<&str, &str>) -> String {
        let calls: String = section.calls.iter().map(|call| self.call(call, errors)).collect();
        format!(
            "<section>\n<h2 id=\"{}\">{}</h2>\n{}{calls}</section>\n",
            section.place,
            escaped(section.name),
            paragraphs(section.description)
        )
    }

    fn call(&self, call: &Call<'a>, errors: &BTreeMap<&str, &str>) -> String {
        let Call { place, of_call, .. } = call;
        let summary = match text(of_call, "summary") {
            "" => String::new(),
            summary => format!("<p class=\"summary\">{}</p>\n", inline(summary)),
        };
        format!(
            "<section class=\"call\">\n\
             <h3 id=\"{place}\"><a href=\"#{place}\">{}</a></h3>\n\
             {summary}{}<p class=\"needs\">{}</p>\n{}{}{}\
             </section>\n",
            call.name(),
            paragraphs(text(of_call, "description")),
            call.needs(),
            self.parameters(call),
            self.body(of_call),
            self.answers(of_call, errors)
        )
    }

    fn parameters(&self, call: &Call<'a>) -> String {
        let all = list(&call.of_path["parameters"]).chain(list(&call.of_call["parameters"])).map(|parameter| self.resolved(parameter));
        let shown = all.filter(|parameter| !text(parameter, "name").eq_ignore_ascii_case(USER_ACTION));
        let rows: String = shown.map(|parameter| self.parameter(parameter)).collect();
        if rows.is_empty() {
            return rows;
        }
        format!(
            "<h4>Parameters</h4>\n<table>\n<caption class=\"unseen\">Parameters of {} {}</caption>\n\
             <thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Place</th><th scope=\"col\">Value</th></tr></thead>\n\
             <tbody>\n{rows}</tbody>\n</table>\n",
            call.method,
            escaped(call.path)
        )
    }

    fn parameter(&self, parameter: &'a Value) -> String {
        let shape = self.shape(&parameter["schema"], &[]).described(text(parameter, "description"));
        let need = if parameter["required"] == true { "required" } else { "optional" };
        format!(
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td>\
             <td><span class=\"kind\">{}</span> <span class=\"need\">{need}</span>{}</td></tr>\n",
            escaped(text(parameter, "name")),
            escaped(text(parameter, "in")),
            inline(&shape.kind),
            paragraphs(&shape.description)
        )
    }

    fn body(&self, of_call: &'a Value) -> String {
        let body = self.resolved(&of_call["requestBody"]);
        if body.is_null() {
            return String::new();
        }
        let need = if body["required"] == true { "" } else { "<p>The body may be left out.</p>\n" };
        format!("<h4>Body</h4>\n{}{need}{}", paragraphs(text(body, "description")), self.content("Media type", &body["content"], Way::In))
    }

    /// What is answered when all went well, and errors that mean something else than elsewhere.
    fn answers(&self, of_call: &'a Value, errors: &BTreeMap<&str, &str>) -> String {
        let is_told = |status: &str, response| !is_error(status) || errors.get(status) != Some(&text(response, "description"));
        let told = self.responses(of_call).filter(|(status, response)| is_told(status, response));
        let answers: String = told.map(|(status, response)| self.answer(status, response)).collect();
        if answers.is_empty() { answers } else { format!("<h4>Answer</h4>\n{answers}") }
    }

    fn answer(&self, status: &str, response: &'a Value) -> String {
        let name = match text(response, "description") {
            "" => format!("<code>{}</code>", escaped(status)),
            meaning => format!("<code>{}</code> {}", escaped(status), inline(meaning)),
        };
        let headers = response["headers"].as_object().into_iter().flatten();
        let headers: String = headers.map(|(name, header)| self.header(name, header)).collect();
        // Of errors the form is known.
        let content = if is_error(status) { &Value::Null } else { &response["content"] };
        format!("{}{headers}", self.content(&name, content, Way::Out))
    }

    fn header(&self, name: &str, header: &'a Value) -> String {
        let header = self.resolved(header);
        let shape = self.shape(&header["schema"], &[]).described(text(header, "description"));
        format!(
            "<p>Header <code>{}</code> <span class=\"kind\">{}</span></p>\n{}",
            escaped(name),
            inline(&shape.kind),
            paragraphs(&shape.description)
        )
    }

    /// One shape for each media type.
    fn content(&self, of: &str, content: &'a Value, way: Way) -> String {
        let of_type = |(media_type, content): (&String, &'a Value)| {
            let shape = self.shape(&content["schema"], &[]);
            format!(
                "<p>{of} <code>{}</code> <span class=\"kind\">{}</span></p>\n{}{}",
                escaped(media_type),
                inline(&shape.kind),
                paragraphs(&shape.description),
                inside(&shape, way)
            )
        };
        match content.as_object() {
            Some(types) => types.iter().map(of_type).collect::<Vec<_>>().concat(),
            None => format!("<p>{of}</p>\n"),
        }
    }

    /// `above` are the schemas that this one is in: one that is in itself isn't gone into again.
    fn shape(&self, schema: &'a Value, above: &[&'a str]) -> Shape {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.shape_of_reference(schema, reference, above);
        }
        let mut shape = self.shape_without_limits(schema, above);
        shape.kind.extend(limits(schema).into_iter().map(|limit| format!(", {limit}")));
        shape.described(text(schema, "description"))
    }

    fn shape_of_reference(&self, schema: &'a Value, reference: &'a str, above: &[&'a str]) -> Shape {
        let name = reference.rsplit('/').next().unwrap_or_default();
        let shape = match self.target(schema) {
            Some(_) if above.contains(&reference) => Shape::of(format!("`{name}`, as above")),
            Some(target) => self.shape(target, &[above, &[reference]].concat()),
            None => Shape::of(format!("`{name}`")),
        };
        // What is said here is about this one place, what is said there about all such values.
        shape.described(text(schema, "description"))
    }

    fn shape_without_limits(&self, schema: &'a Value, above: &[&'a str]) -> Shape {
        for name in ["oneOf", "anyOf"] {
            if schema[name].is_array() {
                return self.choice(list(&schema[name]), above);
            }
        }
        if schema["allOf"].is_array() {
            return self.whole(list(&schema["allOf"]), above);
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name],
            names => list(names).filter_map(Value::as_str).collect(),
        };
        let values: Vec<String> = list(&schema["enum"]).chain(schema.get("const")).map(|value| format!("`{}`", plain(value))).collect();
        let mut shape = match types.iter().find(|name| **name != "null") {
            _ if !values.is_empty() => Shape::of(joined(&values)),
            Some(&"array") => self.items(&schema["items"], above),
            Some(name) => Shape { members: self.members(schema, above), ..Shape::of(*name) },
            None if schema["properties"].is_object() => Shape { members: self.members(schema, above), ..Shape::of("object") },
            None => Shape::of("any value"),
        };
        if types.contains(&"null") {
            shape.kind.push_str(" or null");
        }
        shape
    }

    fn choice(&self, choices: impl Iterator<Item = &'a Value>, above: &[&'a str]) -> Shape {
        let (nothing, something): (Vec<&Value>, Vec<&Value>) = choices.partition(|choice| text(choice, "type") == "null");
        let mut shapes: Vec<Shape> = something.into_iter().map(|choice| self.shape(choice, above)).collect();
        let mut shape = if shapes.len() == 1 {
            shapes.remove(0)
        } else if shapes.iter().all(Shape::is_simple) {
            let kinds: Vec<String> = shapes.into_iter().map(|shape| shape.kind).collect();
            Shape::of(joined(&kinds))
        } else {
            Shape { choices: shapes, ..Shape::of("one of these") }
        };
        if !nothing.is_empty() {
            shape.kind.push_str(" or null");
        }
        shape
    }

    /// All of these in one.
    fn whole(&self, parts: impl Iterator<Item = &'a Value>, above: &[&'a str]) -> Shape {
        let mut shape = Shape::of("object");
        for part in parts.map(|part| self.shape(part, above)) {
            shape.members.extend(part.members);
            shape.choices.extend(part.choices);
        }
        shape
    }

    fn items(&self, items: &'a Value, above: &[&'a str]) -> Shape {
        let shape = self.shape(items, above);
        let kind = match shape.kind.as_str() {
            name @ ("string" | "object" | "integer" | "number" | "boolean") => format!("list of {name}s"),
            other => format!("list, each {other}"),
        };
        Shape { kind, ..shape }
    }

    fn members(&self, schema: &'a Value, above: &[&'a str]) -> Vec<Member> {
        let required: Vec<&str> = list(&schema["required"]).filter_map(Value::as_str).collect();
        let properties = || schema["properties"].as_object().into_iter();
        // Required ones are listed as they were declared; of the others the description doesn't keep the order.
        let first = required.iter().flat_map(|name| properties().filter_map(|properties| properties.get_key_value(*name)));
        let others = properties().flatten().filter(|(name, _)| !required.contains(&name.as_str()));
        let member = |(name, schema): (&'a String, &'a Value)| Member {
            name: name.clone(),
            is_required: required.contains(&name.as_str()),
            shape: self.shape(schema, above),
        };
        first.chain(others).map(member).chain(self.any_member(schema, above)).collect()
    }

    /// What an object's other members are, where it may have any.
    fn any_member(&self, schema: &'a Value, above: &[&'a str]) -> Option<Member> {
        let others = Some(&schema["additionalProperties"]).filter(|others| others.is_object())?;
        Some(Member { name: String::new(), is_required: false, shape: self.shape(others, above) })
    }
}

impl Shape {
    fn of(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }

    /// Whatever says nothing leaves what was said.
    fn described(mut self, description: &str) -> Self {
        if !description.is_empty() {
            description.clone_into(&mut self.description);
        }
        self
    }

    fn is_simple(&self) -> bool {
        self.members.is_empty() && self.choices.is_empty()
    }
}

/// Whoever has room for it sees every call; a phone shows the sections only.
fn contents(sections: &[Section<'_>]) -> String {
    let call = |call: &Call<'_>| format!("<li><a href=\"#{}\">{}</a></li>\n", call.place, call.name());
    let section = |section: &Section<'_>| {
        let calls = section.calls.iter().map(call).collect::<Vec<_>>().concat();
        format!("<li><a href=\"#{}\">{}</a>\n<ul>\n{calls}</ul>\n</li>\n", section.place, escaped(section.name))
    };
    let sections = sections.iter().map(section).collect::<Vec<_>>().concat();
    format!(
        "<nav aria-label=\"Contents\">\n<ul>\n\
         <li><a href=\"#how-to-call\">How to call</a></li>\n\
         <li><a href=\"#errors\">Errors</a></li>\n\
         {sections}</ul>\n</nav>\n"
    )
}

/// What there is in a value.
fn inside(shape: &Shape, way: Way) -> String {
    let members = shape.members.iter().map(|member| {
        let name = if member.name.is_empty() { "any name".to_owned() } else { format!("<code>{}</code>", escaped(&member.name)) };
        let need = match (way, member.is_required) {
            (Way::In, true) => " <span class=\"need\">required</span>",
            (Way::In, false) => " <span class=\"need\">optional</span>",
            (Way::Out, true) => "",
            (Way::Out, false) => " <span class=\"need\">may be missing</span>",
        };
        item(&name, need, &member.shape, way)
    });
    let choices = shape.choices.iter().map(|choice| item("", "", choice, way));
    let items = members.chain(choices).collect::<Vec<_>>().concat();
    if items.is_empty() { items } else { format!("<ul class=\"members\">\n{items}</ul>\n") }
}

fn item(name: &str, need: &str, shape: &Shape, way: Way) -> String {
    format!(
        "<li>{name} <span class=\"kind\">{}</span>{need}{}{}</li>\n",
        inline(&shape.kind),
        paragraphs(&shape.description),
        inside(shape, way)
    )
}

/// What else is asked of a value.
fn limits(schema: &Value) -> Vec<String> {
    let said = |name: &str| schema.get(name).map(plain);
    let range = |least: Option<String>, most: Option<String>, unit: &str| match (least, most) {
        (Some(least), Some(most)) => Some(format!("from {least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    };
    // Of a number it only says how many bits the server has for it.
    let format = said("format").filter(|_| !is_number(schema));
    let format = format.map(|format| if format == "date-time" { "a time in ISO 8601".to_owned() } else { format });
    [
        format,
        range(said("minimum"), said("maximum"), ""),
        range(said("minLength"), said("maxLength"), " characters"),
        range(said("minItems"), said("maxItems"), " items"),
        said("pattern").map(|pattern| format!("like `{pattern}`")),
        said("default").map(|default| format!("otherwise `{default}`")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn is_number(schema: &Value) -> bool {
    let is_one = |name: &Value| name == "integer" || name == "number";
    is_one(&schema["type"]) || list(&schema["type"]).any(is_one)
}

fn is_error(status: &str) -> bool {
    status.starts_with(['4', '5'])
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A value without the marks of JSON around a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// As in "a, b or c".
fn joined(texts: &[String]) -> String {
    match texts {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// What a description says, a paragraph for each that it has.
fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>\n", inline(paragraph))).collect::<Vec<_>>().concat()
}

/// Text with code between backticks. One that has no other is a backtick.
fn inline(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let part =
        |(place, part): (usize, &&str)| if place.is_multiple_of(2) { escaped(part) } else { format!("<code>{}</code>", escaped(part)) };
    parts.iter().enumerate().map(part).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page_of(description: Value) -> String {
        page(&serde_json::from_value(description).unwrap())
    }

    /// The values of an attribute, in their order.
    fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
        page.split(&format!(" {attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_call_is_there_with_what_it_needs() {
        let description = super::super::description();
        let page = page(&description);
        let description = serde_json::to_value(description).unwrap();
        let mut calls = 0;
        for (path, of_path) in description["paths"].as_object().unwrap() {
            for (method, of_call) in of_path.as_object().unwrap() {
                let name = format!("<span class=\"method\">{}</span> <code>{path}</code></a></h3>", method.to_uppercase());
                let (_, said) = page.split_once(&name).unwrap_or_else(|| panic!("{method} {path}"));
                let said = said.split("<h3").next().unwrap();
                assert!(said.contains(&inline(text(of_call, "summary"))), "{method} {path}");
                assert_eq!(said.contains("#token"), of_call["security"].is_array(), "{method} {path}");
                assert_eq!(said.contains("#signature"), of_call["parameters"].to_string().contains(USER_ACTION), "{method} {path}");
                assert_eq!(said.contains("<h4>Body</h4>"), of_call["requestBody"].is_object(), "{method} {path}");
                calls += 1;
            }
        }
        assert_eq!(page.matches("<h3 id=").count(), calls + 5, "five of the introduction");
        assert!(!page.contains(OTHERS), "each has a tag");
    }

    #[test]
    fn places_are_unique_and_links_lead_to_them() {
        let page = page(&super::super::description());
        let places = values(&page, "id");
        let unique: BTreeSet<&str> = places.iter().copied().collect();
        assert_eq!(unique.len(), places.len());
        for link in values(&page, "href").into_iter().filter_map(|link| link.strip_prefix('#')) {
            assert!(unique.contains(link), "{link}");
        }
        let same = json!({ "responses": { "200": { "description": "" } } });
        let page = page_of(json!({
            "openapi": "3.1.0",
            "info": { "title": "", "version": "" },
            "tags": [{ "name": "Errors" }, { "name": "Errors!" }],
            "paths": { "/a/{b}": { "get": same }, "/a/b": { "get": same }, "/errors": { "get": { "tags": ["Errors"], "responses": {} } } },
        }));
        assert_eq!(page.matches(" id=\"get-a-b\"").count(), 1);
        assert!(page.contains(" id=\"get-a-b-2\"") && page.contains(" id=\"errors-2\"") && page.contains(OTHERS));
    }

    #[test]
    fn headings_are_in_order_and_elements_end() {
        let page = page(&super::super::description());
        let levels: Vec<u32> = page.split("<h").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10)).collect();
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
        let mut open = Vec::new();
        for tag in page.split('<').skip(1).filter_map(|rest| rest.split(['>', ' ']).next()) {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if ["!doctype", "meta", "link"].contains(&tag) => {}
                None => open.push(tag),
            }
        }
        assert_eq!(open, [""; 0]);
    }

    #[test]
    fn it_loads_nothing_but_its_style_and_its_icon() {
        let page = page(&super::super::description());
        let outside: Vec<&str> = values(&page, "href").into_iter().filter(|link| !link.starts_with('#')).collect();
        assert_eq!(outside, ["/seal.svg", "/docs.css", "/", "/openapi.json"]);
        for unwanted in ["<script", "<style", " style=", " src=", "javascript:"] {
            assert!(!page.contains(unwanted), "{unwanted}");
        }
    }

    #[test]
    fn markup_is_escaped_wherever_it_comes_from() {
        const MARKUP: &str = "<b title=\"x\">&'`<i>`";
        let schema = json!({
            "type": "object",
            "description": MARKUP,
            "required": [MARKUP],
            "properties": { MARKUP: { "type": "string", "enum": [MARKUP], "description": MARKUP, "default": MARKUP } },
        });
        let said = json!({
            "tags": [MARKUP],
            "summary": MARKUP,
            "description": MARKUP,
            "parameters": [{ "name": MARKUP, "in": "query", "required": true, "description": MARKUP, "schema": schema }],
            "requestBody": { "description": MARKUP, "content": { MARKUP: { "schema": schema } } },
            "responses": {
                "200": {
                    "description": MARKUP,
                    "headers": { MARKUP: { "description": MARKUP, "schema": { "type": "string" } } },
                    "content": { MARKUP: { "schema": schema } },
                },
                "400": { "description": MARKUP },
            },
        });
        let page = page_of(json!({
            "openapi": "3.1.0",
            "info": { "title": MARKUP, "version": MARKUP, "description": MARKUP },
            "tags": [{ "name": MARKUP, "description": MARKUP }],
            "paths": { format!("/{MARKUP}"): { "post": said } },
        }));
        assert!(!page.contains("<b ") && !page.contains("<i>") && !page.contains("title=\"x") && !page.contains("&'"), "{page}");
        assert!(page.contains("&lt;b title=&quot;x&quot;&gt;&amp;&#39;<code>&lt;i&gt;</code>"));
    }

    #[test]
    fn errors_are_told_once_and_where_they_mean_something_else() {
        let content = json!({ "application/json": { "schema": { "type": "object" } } });
        let error = |meaning: &str| json!({ "description": meaning, "content": content });
        let fine = json!({ "description": "Fine" });
        let page = page_of(json!({
            "openapi": "3.1.0",
            "info": { "title": "", "version": "" },
            "paths": {
                "/a": { "get": { "responses": { "200": fine, "404": error("Not there."), "429": error("Too often.") } } },
                "/b": { "get": { "responses": { "404": error("Gone.") } } },
            },
            "components": { "schemas": {
                "Code": { "type": "string", "enum": ["One", "Two"] },
                "Error": { "type": "object", "properties": { "error": { "$ref": "#/components/schemas/Details" } } },
                "Details": { "type": "object", "properties": { "code": { "$ref": "#/components/schemas/Code" } } },
            } },
        }));
        assert!(page.contains("<code>code</code> is <code>One</code> or <code>Two</code>."));
        for meaning in ["Not there.", "Too often.", "Gone.", "<code>200</code> Fine"] {
            assert_eq!(page.matches(meaning).count(), 1, "{meaning}");
        }
        let (_, calls) = page.rsplit_once(OTHERS).unwrap();
        assert!(calls.contains("<p><code>404</code> Gone.</p>") && !calls.contains("application/json"));
    }

    #[test]
    fn what_is_in_itself_is_gone_into_once() {
        let content = |reference: &str| json!({ "application/json": { "schema": { "$ref": reference } } });
        let page = page_of(json!({
            "openapi": "3.1.0",
            "info": { "title": "", "version": "" },
            "paths": { "/trees": { "post": {
                "requestBody": { "content": content("#/components/schemas/Tree") },
                "responses": { "200": { "description": "", "content": content("#/nowhere/Gone") } },
            } } },
            "components": { "schemas": { "Tree": {
                "type": "object",
                "properties": { "branches": { "type": "array", "items": { "$ref": "#/components/schemas/Tree" } } },
            } } },
        }));
        assert_eq!(page.matches("<code>branches</code>").count(), 1);
        assert!(page.contains("list, each <code>Tree</code>, as above"));
        assert!(page.contains("<span class=\"kind\"><code>Gone</code></span>"));
    }

    #[test]
    fn shapes_are_said_in_words() {
        let kind = json!({ "$ref": "#/kind" });
        let description = json!({
            "kind": { "type": "string", "enum": ["A", "B", "C"] },
            "shapes": [
                [{ "type": ["string", "null"], "maxLength": 100 }, "string or null, at most 100 characters"],
                [{ "type": "string", "format": "date-time" }, "string, a time in ISO 8601"],
                [{ "type": "integer", "format": "int32", "minimum": 1, "default": 100 }, "integer, at least 1, otherwise `100`"],
                [{ "type": "array", "items": { "type": "string" }, "maxItems": 3 }, "list of strings, at most 3 items"],
                [{ "type": "array", "items": kind }, "list, each `A`, `B` or `C`"],
                [{ "oneOf": [kind, { "type": "null" }] }, "`A`, `B` or `C` or null"],
                [{ "oneOf": [{ "type": "string" }, { "type": "integer", "format": "int64" }] }, "string or integer"],
                [{ "const": 1 }, "`1`"],
                [{}, "any value"],
            ],
        });
        let reader = Reader { description: &description };
        for case in list(&description["shapes"]) {
            assert_eq!(reader.shape(&case[0], &[]).kind, case[1], "{case}");
        }
    }

    #[test]
    fn members_are_listed_with_what_is_known_of_them() {
        let description = json!({ "id": { "type": "string", "description": "Any id." }, "shape": {
            "allOf": [
                { "type": "object", "required": ["second", "first"], "properties": {
                    "another": { "type": "boolean" },
                    "first": { "$ref": "#/id" },
                    "second": { "$ref": "#/id", "description": "This one." },
                } },
                { "type": "object", "additionalProperties": { "type": "integer" } },
            ],
        } });
        let reader = Reader { description: &description };
        let shape = reader.shape(&description["shape"], &[]);
        let members: Vec<_> = shape.members.iter().map(|member| (member.name.as_str(), &*member.shape.description)).collect();
        assert_eq!(members, [("second", "This one."), ("first", "Any id."), ("another", ""), ("", "")]);
        assert_eq!(inside(&shape, Way::In).matches("required").count(), 2);
        assert_eq!(inside(&shape, Way::In).matches("optional").count(), 2);
        assert_eq!(inside(&shape, Way::Out).matches("may be missing").count(), 2);
        assert!(inside(&shape, Way::Out).contains("<li>any name <span class=\"kind\">integer</span>"));
    }
}
