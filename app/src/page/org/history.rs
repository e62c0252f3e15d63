//! `/org/history`: every change in words, newest first, and verified by the browser that shows it. Without JavaScript it can
//! be read, and nothing on it claims to be verified.

use super::door::signed_in;
use crate::{
    action::{
        document,
        history::{
            entry::{Entry, Summary, What},
            reader::Verdict,
        },
    },
    browser::verify_entry::verify_page,
    component::{
        copy_button::CopyButton,
        form::react,
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        moment::Moment,
        notice::Notice,
        verdict_mark::VerdictMark,
    },
    domain::id::{CredentialId, OrganizationId},
    rpc::{
        history::{HistoryPage, PAGE, history},
        sign_in::Viewer,
    },
};
use leptos::{either::Either, prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;
use std::collections::BTreeMap;

/// What an entry is signed with when nobody calls it anything any more.
const REMOVED: &str = "a passkey that was removed";

/// The list.
#[component]
pub fn History() -> impl IntoView {
    let before: Option<u64> = use_query_map().with_untracked(|query| query.get_str("before").and_then(|number| number.parse().ok()));
    signed_in(Place::History, move |viewer| async move {
        let page = history(before).await?;
        Ok(view! { <Listing viewer page before /> }.into_any())
    })
}

#[component]
fn Listing(viewer: Viewer, page: HistoryPage, before: Option<u64>) -> impl IntoView {
    let organization = viewer.organization;
    let action = view! {
        <a class="button" href="/org/history/export" download>
            <Icon glyph=Glyph::Download />
            "Export"
        </a>
    };
    let checkpoint = page.checkpoint.clone();
    let newest = newest(before, &page);
    let way = way(newest, &page);
    let fingerprints: Vec<_> = page.lines.iter().map(|line| challenge(line).map(|challenge| document::fingerprint(&challenge))).collect();
    let entries = if page.lines.is_empty() {
        view! { <p class="empty">"There is nothing before this entry. " <a href=Place::History.path()>"Go to the newest"</a></p> }
            .into_any()
    } else {
        let unverified = page.lines.iter().map(|_| RwSignal::new(None)).collect::<Vec<_>>();
        let entries = list(&page, &fingerprints, &unverified, newest);
        view! { <VerifiedEntries page fingerprints organization newest>{entries}</VerifiedEntries> }.into_any()
    };
    view! {
        <Frame viewer title="History" current=Place::History action=Some(action.into_any())>
            <p class="lead measure">"Every change of this organization, each with the signature of whoever made it."</p>
            <VerifyingNeedsScript />
            {entries}
            {way}
            <section class="apart">
                <h2>"What is verified here, and what isn't"</h2>
                <p class="measure">
                    "Your browser checks each entry on this page by itself: that the document is the one that was signed, that the signature is by a passkey which whoever is named had registered before, for this site, with the person verified by their device, and that the entry stands in its place."
                </p>
                <p class="measure">
                    "Only the whole history shows that no entry is missing, and that whoever signed was allowed to at that point. Export it, and run " <code>"countersign verify"</code>
                    " on the file, on any machine, without this server."
                </p>
                <details>
                    <summary>"Checkpoint"</summary>
                    <p class="measure">
                        "The server's signed statement of how many entries there are and what they hash to. Keep it elsewhere: it shows later whether entries were cut off or rewritten."
                    </p>
                    <pre class="bytes">{checkpoint.clone()}</pre>
                    <CopyButton text=checkpoint what="the checkpoint".to_owned() />
                </details>
            </section>
        </Frame>
    }
    .into_any()
}

/// For browsers that can't verify.
#[component]
pub(super) fn VerifyingNeedsScript() -> impl IntoView {
    view! {
        <noscript>
            <Notice glyph=Glyph::Warning>
                <p>"Verifying in the browser needs JavaScript. Reading and exporting work without it."</p>
            </Notice>
        </noscript>
    }
}

/// Which number the first entry of this page must have. Of the newest page its own word is taken, as entries may have been
/// added while it was put together; that none were left out above can't be seen from a page anyway.
fn newest(before: Option<u64>, page: &HistoryPage) -> u64 {
    match before {
        Some(before) if before <= page.size => before.saturating_sub(1),
        _ => {
            let first = page.lines.first().and_then(|line| Entry::parse(line).ok());
            first.map_or(page.size.saturating_sub(1), |entry| entry.index)
        }
    }
}

/// Links to the entries on both sides of this page.
fn way(newest: u64, page: &HistoryPage) -> Option<AnyView> {
    let path = |before: u64| format!("{}?before={before}", Place::History.path());
    let above = newest.saturating_add(1);
    let newer = (above < page.size && !page.lines.is_empty()).then(|| {
        let before = above.saturating_add(u64::from(PAGE));
        if before < page.size { path(before) } else { Place::History.path().to_owned() }
    });
    let older = page.next.map(path);
    (newer.is_some() || older.is_some()).then(|| {
        view! {
            <nav class="paging" aria-label="Pages of history">
                {newer
                    .map(|path| {
                        view! {
                            <a class="button" href=path rel="prev">
                                <Icon glyph=Glyph::Back />
                                "Newer"
                            </a>
                        }
                    })}
                {older
                    .map(|path| {
                        view! {
                            <a class="button" href=path rel="next">
                                "Older"
                                <Icon glyph=Glyph::Forward />
                            </a>
                        }
                    })}
            </nav>
        }
        .into_any()
    })
}

/// What people call the passkey that signed.
pub(super) fn passkey_name(passkeys: &BTreeMap<CredentialId, String>, id: CredentialId) -> String {
    passkeys.get(&id).map_or(REMOVED, String::as_str).to_owned()
}

/// The challenge of an action's document; only the server computes it while a page is rendered.
pub(super) fn challenge(line: &str) -> Option<[u8; 32]> {
    #[cfg(feature = "ssr")]
    if let Ok(entry) = Entry::parse(line) {
        match entry.what {
            What::Action(action) => return Some(document::challenge(&action.document.0)),
            What::Recovery(recovery) => return Some(document::challenge(&recovery.document.0)),
            What::Genesis(_) | What::Registration(_) | What::BreakGlass(_) | What::Enrolment(_) | What::KeyChange(_) => {}
        }
    }
    #[cfg(not(feature = "ssr"))]
    let _ = line;
    None
}

/// The entries, and what this browser found out about them. They are shown anew from the lines that it verifies: so nobody
/// reads what the server made of other ones.
#[island]
fn VerifiedEntries(
    /// The entries and all that is needed to verify them.
    page: HistoryPage,
    /// What the page shows as their fingerprints; the browser compares.
    fingerprints: Vec<Option<String>>,
    /// Whose history it must be.
    organization: OrganizationId,
    /// Which number the first of them must have.
    newest: u64,
    /// The entries as the server shows them, until then.
    children: Children,
) -> impl IntoView {
    let verdicts: Vec<RwSignal<Option<Verdict>>> = page.lines.iter().map(|_| RwSignal::new(None)).collect();
    let report = RwSignal::new(Report::NotYet);
    let alive = RwSignal::new(false);
    let stored = StoredValue::new((page, fingerprints, verdicts));
    react(Box::new(move || {
        alive.set(true);
        report.set(Report::Verifying);
        spawn_local(async move {
            let (page, fingerprints, verdicts) = stored.get_value();
            let tell = |place: usize, verdict| {
                if let Some(signal) = verdicts.get(place) {
                    signal.set(Some(verdict));
                }
            };
            verify_page(&page, &fingerprints, organization, newest, &tell).await;
            report.set(Report::of(&verdicts));
        });
    }));
    let mut served = Some(children());
    let entries = move || {
        if alive.get() {
            Either::Right(stored.with_value(|(page, fingerprints, verdicts)| list(page, fingerprints, verdicts, newest)))
        } else {
            Either::Left(view! { <div>{served.take()}</div> })
        }
    };
    view! {
        <p class="report" class:broken=move || matches!(report.get(), Report::Broken(..)) role="status">
            {move || report.get().words()}
        </p>
        {entries}
    }
}

/// The entries from `newest` downwards, each with its fingerprint and the place for its verdict.
fn list(page: &HistoryPage, fingerprints: &[Option<String>], verdicts: &[RwSignal<Option<Verdict>>], newest: u64) -> AnyView {
    let mut index = newest;
    let mut rows = Vec::with_capacity(page.lines.len());
    for ((line, fingerprint), verdict) in page.lines.iter().zip(fingerprints).zip(verdicts) {
        rows.push(row(index, line, fingerprint.as_deref(), &page.passkeys, *verdict));
        index = index.wrapping_sub(1);
    }
    view! { <ol class="entries">{rows}</ol> }.into_any()
}

/// How far the verification of a page is, for its line on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    NotYet,
    Verifying,
    Verified(usize),
    Broken(usize, usize),
    Unknown(usize, usize),
}

impl Report {
    fn of(verdicts: &[RwSignal<Option<Verdict>>]) -> Self {
        let count = |wanted: fn(&Verdict) -> bool| {
            verdicts.iter().filter(|verdict| verdict.with_untracked(|verdict| verdict.as_ref().is_some_and(wanted))).count()
        };
        let (verified, broken) = (count(|verdict| *verdict == Verdict::Verified), count(|verdict| matches!(verdict, Verdict::Broken(_))));
        match verdicts.len() {
            all if broken > 0 => Self::Broken(broken, all),
            all if verified < all => Self::Unknown(all - verified, all),
            all => Self::Verified(all),
        }
    }

    fn words(self) -> String {
        match self {
            Self::NotYet => "This page isn't verified yet.".to_owned(),
            Self::Verifying => "Your browser verifies this page…".to_owned(),
            Self::Verified(1) => "The one entry on this page is verified in this browser.".to_owned(),
            Self::Verified(all) => ["All ", &all.to_string(), " entries on this page are verified in this browser."].concat(),
            Self::Broken(some, all) => {
                ["Of the ", &all.to_string(), " entries on this page, ", &some.to_string(), " can't be what was signed. See below."]
                    .concat()
            }
            Self::Unknown(some, all) => {
                ["Of the ", &all.to_string(), " entries on this page, ", &some.to_string(), " can't be verified by this browser."].concat()
            }
        }
    }
}

/// One entry, as its line has it.
fn row(
    index: u64,
    line: &str,
    fingerprint: Option<&str>,
    passkeys: &BTreeMap<CredentialId, String>,
    verdict: RwSignal<Option<Verdict>>,
) -> impl IntoView + use<> {
    let number = index.to_string();
    let path = ["/org/history/", &number].concat();
    let read = Entry::parse(line).ok().and_then(|entry| entry.summary().ok().map(|summary| (entry, summary)));
    let is_loud = read.as_ref().is_some_and(|(entry, _)| entry.is_loud());
    let what = match read {
        Some((entry, Summary { who, sentence, credential })) => {
            let with = match entry.what {
                What::Action(_) => "signed with ",
                What::Recovery(_) => "signed with a recovery kit, registered ",
                What::Genesis(_) | What::Registration(_) | What::Enrolment(_) => "registered ",
                What::BreakGlass(_) | What::KeyChange(_) => "",
            };
            let with = credential.map(|id| view! { <span>{with} <bdi>{passkey_name(passkeys, id)}</bdi></span> });
            Either::Left(view! {
                <p class="entry-sentence"><a href=path dir="auto">{sentence}</a></p>
                <p class="entry-facts">
                    <span>{who.to_string()}</span>
                    <Moment at=entry.executed_at />
                    {with}
                    {fingerprint
                        .map(|fingerprint| {
                            view! {
                                <span><span class="unseen">"Fingerprint "</span><code class="fingerprint">{fingerprint.to_owned()}</code></span>
                            }
                        })}
                </p>
            })
        }
        None => Either::Right(view! { <p class="entry-sentence"><a href=path>"This entry can't be read"</a></p> }),
    };
    view! {
        <li class=if is_loud { "entry loud" } else { "entry" }>
            <p class="entry-number"><span class="unseen">"Entry "</span>{number}</p>
            <div class="entry-what">{what}</div>
            <VerdictMark verdict />
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: usize, size: u64, next: Option<u64>) -> HistoryPage {
        HistoryPage {
            lines: vec![String::new(); lines],
            registrations: Vec::new(),
            passkeys: BTreeMap::new(),
            size,
            checkpoint: String::new(),
            next,
        }
    }

    #[test]
    fn a_page_begins_below_the_entry_that_it_is_before() {
        assert_eq!(newest(Some(70), &page(25, 120, Some(45))), 69);
        assert_eq!(newest(Some(0), &page(0, 120, None)), 0);
        // Nothing that can be read: where it should begin.
        assert_eq!(newest(None, &page(25, 120, Some(95))), 119);
        assert_eq!(newest(Some(500), &page(25, 120, Some(95))), 119);
    }

    #[test]
    fn a_history_of_one_page_needs_no_way() {
        assert!(way(2, &page(3, 3, None)).is_none());
        assert!(way(0, &page(0, 0, None)).is_none());
    }

    #[test]
    fn longer_ones_do() {
        assert!(way(119, &page(50, 120, Some(70))).is_some());
        assert!(way(19, &page(20, 120, None)).is_some());
    }

    #[test]
    fn a_report_counts() {
        let owner = Owner::new();
        owner.with(|| {
            let verdicts = |verdicts: &[Verdict]| verdicts.iter().map(|verdict| RwSignal::new(Some(verdict.clone()))).collect::<Vec<_>>();
            let (broken, unknown) = (Verdict::Broken("x".to_owned()), Verdict::Unknown("x".to_owned()));
            assert_eq!(Report::of(&verdicts(&[Verdict::Verified, Verdict::Verified])), Report::Verified(2));
            assert_eq!(Report::of(&verdicts(&[Verdict::Verified, broken, unknown.clone()])), Report::Broken(1, 3));
            assert_eq!(Report::of(&verdicts(&[unknown, Verdict::Verified])), Report::Unknown(1, 2));
        });
    }
}
