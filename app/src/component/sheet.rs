//! The frame for those who aren't signed in: a centred sheet of paper, and for the wizard its steps down the left side.

use super::{
    icon::{Glyph, Icon},
    seal::Brand,
    sent_back::SentBack,
};
use leptos::prelude::*;
use leptos_meta::Title;
use std::cmp::Ordering;

/// A step of creating an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Email and names.
    Account,
    /// The mail is on its way.
    Mail,
    /// Typing the code.
    Activate,
    /// Making a passkey.
    Passkey,
    /// Saving the recovery kit.
    RecoveryKit,
    /// Signed in.
    Done,
}

impl Step {
    const ALL: [Self; 6] = [Self::Account, Self::Mail, Self::Activate, Self::Passkey, Self::RecoveryKit, Self::Done];

    const fn label(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Mail => "Mail",
            Self::Activate => "Activate",
            Self::Passkey => "Passkey",
            Self::RecoveryKit => "Recovery kit",
            Self::Done => "Done",
        }
    }
}

/// A page on a sheet of paper.
#[component]
pub fn Sheet(
    /// The page's title and its one `h1`.
    #[prop(into)]
    title: String,
    /// Where in the wizard this page is, if it is part of it.
    #[prop(optional_no_strip)]
    step: Option<Step>,
    /// The page.
    children: Children,
) -> impl IntoView {
    view! {
        <Title text=format!("{title} · Countersign") />
        <a class="skip" href="#main">"Skip to the content"</a>
        <div class="desk">
            <header class="letterhead">
                <Brand />
            </header>
            <div class=if step.is_some() { "sheet stepped" } else { "sheet" }>
                {step.map(|step| view! { <Steps current=step /> })}
                <main id="main" tabindex="-1">
                    <h1>{title}</h1>
                    <SentBack />
                    {children()}
                </main>
            </div>
            <footer class="imprint">"Every change, signed with a passkey."</footer>
        </div>
    }
    .into_any()
}

/// The wizard's steps: behind, here, ahead.
#[component]
fn Steps(current: Step) -> impl IntoView {
    view! {
        <nav class="progress" aria-label="Steps">
            <ol class="steps">
                {Step::ALL
                    .into_iter()
                    .map(|step| {
                        let (class, said) = match step.cmp(&current) {
                            Ordering::Less => ("behind", "Done: "),
                            Ordering::Equal => ("here", ""),
                            Ordering::Greater => ("ahead", ""),
                        };
                        view! {
                            <li class=class aria-current=(step == current).then_some("step")>
                                <span class="steps-mark">{(step < current).then(|| view! { <Icon glyph=Glyph::Check /> })}</span>
                                <span class="steps-label"><span class="unseen">{said}</span>{step.label()}</span>
                            </li>
                        }
                    })
                    .collect_view()}
            </ol>
        </nav>
    }
}
