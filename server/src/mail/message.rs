//! What the mails say. Names of people and organizations are what strangers typed, at get-started even strangers to the one
//! who gets the mail: they are escaped, kept on their line, and kept from becoming links.

use super::{
    Message,
    layout::{self, Block, grouped, name},
};
use app::domain::{handle::Handle, id::OrganizationId, text::EmailAddress, time::Timestamp};

/// What a mail with a registration code tells.
#[derive(Clone, Copy)]
pub struct RegistrationCode<'a> {
    /// Where it goes.
    pub to: &'a EmailAddress,
    /// The person's name, as typed; empty, when they are invited by address only.
    pub name: &'a str,
    /// The organization's name, as typed.
    pub organization: &'a str,
    /// The organization's id, which tells organizations of one name apart.
    pub organization_id: OrganizationId,
    /// Its 16 digits, nothing between them.
    pub code: &'a str,
    /// The page to type it on, with email and organization filled in, never the code.
    pub activate_link: &'a str,
    /// Until when the code can be used.
    pub expires_at: Timestamp,
}

/// What there is already under the address that a code goes to.
#[derive(Clone, Copy)]
pub struct Accounts<'a> {
    /// The names of the organizations, as typed.
    pub organizations: &'a [String],
    /// The sign-in page.
    pub sign_in_link: &'a str,
}

/// What happened to someone's account.
#[derive(Clone, Copy)]
pub struct AccountEvent<'a> {
    /// Whose it is.
    pub to: &'a EmailAddress,
    /// The organization's name, as typed.
    pub organization: &'a str,
    /// In a few words of our own.
    pub subject: &'a str,
    /// As a sentence or two.
    pub sentence: &'a str,
    /// When.
    pub at: Timestamp,
    /// From which browser and address.
    pub from: &'a str,
    /// This server's, as in `https://id.example.org`.
    pub origin: &'a str,
    /// Whom to ask besides the organization's admins, in the operator's words.
    pub contact: Option<&'a str>,
}

/// The mail about it: when, from where, and what to do if it wasn't them.
pub fn account_event(event: &AccountEvent<'_>) -> Message {
    let mut blocks = vec![
        Block::Paragraph("Hello,".into()),
        Block::Paragraph(name(event.sentence)),
        Block::Facts(vec![
            ("When", event.at.to_minute()),
            ("From", event.from.to_owned()),
            ("Organization", name(event.organization)),
            ("Account", event.to.to_string()),
        ]),
        Block::Paragraph(
            "If this was you, there is nothing to do. If it wasn't, act now: open your account, remove every passkey that isn't yours, end all \
             other sessions, and replace your recovery kit."
                .into(),
        ),
        Block::Link { label: "Your account".into(), address: format!("{}/account", event.origin) },
        Block::Paragraph(
            "If you can't sign in any more, tell an admin of your organization at once, by another way than mail: they can end every passkey of \
             your account and let you make a new one."
                .into(),
        ),
    ];
    blocks.extend(event.contact.map(or_ask));
    message(event.to, event.subject.to_owned(), &blocks)
}

/// Whom to turn to when no admin can be reached.
fn or_ask(contact: &str) -> Block {
    Block::Paragraph(format!("If you don't know any admin, or can't reach one, ask {contact}."))
}

/// What happened to somebody's account, for an admin.
#[derive(Clone, Copy)]
pub struct AdminEvent<'a> {
    /// Which admin.
    pub to: &'a EmailAddress,
    /// The organization's name, as typed.
    pub organization: &'a str,
    /// In a few words of our own.
    pub subject: &'a str,
    /// As a sentence or two, with what to do.
    pub sentence: &'a str,
    /// Whose account.
    pub whom: &'a EmailAddress,
    /// When.
    pub at: Timestamp,
    /// From which browser and address.
    pub from: &'a str,
    /// The user's page.
    pub link: &'a str,
}

/// The mail about it.
pub fn admin_event(event: &AdminEvent<'_>) -> Message {
    let blocks = [
        Block::Paragraph("Hello,".into()),
        Block::Paragraph(event.sentence.to_owned()),
        Block::Facts(vec![
            ("Account", event.whom.to_string()),
            ("When", event.at.to_minute()),
            ("From", event.from.to_owned()),
            ("Organization", name(event.organization)),
        ]),
        Block::Link { label: "Their page".into(), address: event.link.into() },
    ];
    message(event.to, event.subject.to_owned(), &blocks)
}

/// What a mail about another key of the server tells.
#[derive(Clone, Copy)]
pub struct KeyChange<'a> {
    /// Which admin.
    pub to: &'a EmailAddress,
    /// The organization's name, as typed.
    pub organization: &'a str,
    /// When.
    pub at: Timestamp,
    /// The page of the history's entry.
    pub link: &'a str,
}

/// The mail to an admin after the server's secret was exchanged.
pub fn key_change(change: &KeyChange<'_>) -> Message {
    let blocks = [
        Block::Paragraph("Hello,".into()),
        Block::Paragraph(
            "Whoever runs the server has exchanged its secret, and with it the key by which it signs the checkpoints of your organization's \
             history. Nobody of the organization signed this; it stands in the history, marked. If you didn't expect it, ask them why."
                .into(),
        ),
        Block::Paragraph(
            "Checkpoints and receipts that you kept count as before. Tokens don't: programs have to log in again, and service accounts and \
             access tokens have to be made anew."
                .into(),
        ),
        Block::Facts(vec![
            ("When", change.at.to_minute()),
            ("From", "the server's own machine".into()),
            ("Organization", name(change.organization)),
        ]),
        Block::Link { label: "The entry".into(), address: change.link.into() },
    ];
    message(change.to, "The key that signs your organization's history was changed".to_owned(), &blocks)
}

/// What a mail with a recovery's code tells.
#[derive(Clone, Copy)]
pub struct RecoveryCode<'a> {
    /// Where it goes.
    pub to: &'a EmailAddress,
    /// The organization's name, as typed.
    pub organization: &'a str,
    /// The organization's id, which tells organizations of one name apart.
    pub organization_id: OrganizationId,
    /// Its 16 digits, nothing between them.
    pub code: &'a str,
    /// The page to type it on, with the email filled in, never the code.
    pub link: &'a str,
    /// Until when the code can be used.
    pub expires_at: Timestamp,
    /// When it was asked for.
    pub at: Timestamp,
    /// From which browser and address.
    pub from: &'a str,
    /// Whom to ask besides the organization's admins, in the operator's words.
    pub contact: Option<&'a str>,
}

/// The mail with the code that begins a recovery.
pub fn recovery_code(facts: &RecoveryCode<'_>) -> Message {
    let mut blocks = vec![
        Block::Paragraph("Hello,".into()),
        Block::Paragraph(format!(
            "Someone, hopefully you, wants to recover your account in the organization {} on Countersign, because every passkey is lost.",
            name(facts.organization)
        )),
        Block::Paragraph("Your code for it:".into()),
        Block::Code(grouped(facts.code)),
        Block::Link { label: "Type it on this page".into(), address: facts.link.into() },
        Block::Facts(vec![
            ("Valid until", facts.expires_at.to_minute()),
            ("Asked for", facts.at.to_minute()),
            ("From", facts.from.to_owned()),
            ("Organization", name(facts.organization)),
            ("Its id", facts.organization_id.to_string()),
        ]),
        Block::Paragraph("You need your recovery kit, too: this code alone opens nothing.".into()),
        Block::Paragraph(
            "If you didn't ask for this, give the code to nobody, and look whether your kit is where you keep it. Nothing has changed. If it \
             comes again, or the kit is gone, tell an admin of your organization, by another way than mail."
                .into(),
        ),
    ];
    blocks.extend(facts.contact.map(or_ask));
    message(facts.to, "Recover your account: your code".to_owned(), &blocks)
}

/// Who had a mail written, when, and from which browser and address.
#[derive(Clone, Copy)]
pub struct By<'a> {
    /// Who.
    pub admin: &'a Handle,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub from: &'a str,
}

/// A person by their address; a program by its name, which is what somebody typed.
fn who(admin: &Handle) -> String {
    match admin {
        Handle::Email(email) => email.to_string(),
        Handle::ServiceAccount(_) | Handle::AccessToken { .. } => name(&admin.to_string()),
    }
}

/// The mail that invites someone, whose name isn't known, into an organization.
pub fn invitation(facts: &RegistrationCode<'_>, by: &By<'_>) -> Message {
    let mut blocks = vec![
        Block::Paragraph("Hello,".into()),
        Block::Paragraph(format!("{} invites you to the organization {} on Countersign.", who(by.admin), name(facts.organization))),
        Block::Paragraph(
            "You will make a passkey and save a recovery kit; it takes about five minutes. There is no password to think of.".into(),
        ),
    ];
    blocks.extend(how_to_activate(facts));
    written(facts, &blocks)
}

/// The mail to someone whose passkeys were ended, so that they make new ones. They keep their permissions.
pub fn re_enrolment(facts: &RegistrationCode<'_>, by: &By<'_>) -> Message {
    let By { admin, at, from } = by;
    let mut blocks = vec![
        Block::Paragraph("Hello,".into()),
        Block::Paragraph(format!(
            "{} has ended your passkeys, your recovery kit and your sessions in the organization {} on Countersign, so that you can make new \
             ones. You keep your permissions.",
            who(admin),
            name(facts.organization)
        )),
        Block::Facts(vec![("When", at.to_minute()), ("From", (*from).to_owned())]),
        Block::Paragraph(
            "If you didn't ask for this, tell another admin at once, by another way than mail: whoever has the code below can act as you."
                .into(),
        ),
    ];
    blocks.extend(how_to_activate(facts));
    written(facts, &blocks)
}

/// The mail with the registration code.
pub fn registration_code(facts: &RegistrationCode<'_>) -> Message {
    let mut blocks = vec![greeting(facts), asked(facts)];
    blocks.extend(how_to_activate(facts));
    written(facts, &blocks)
}

/// The same for an address that has accounts in other organizations. Only the mail says so: the page that was filled in
/// answers the same to everyone.
pub fn registration_code_beside(facts: &RegistrationCode<'_>, accounts: &Accounts<'_>) -> Message {
    let mut blocks = vec![
        greeting(facts),
        asked(facts),
        Block::Paragraph("You already have an account in:".into()),
        Block::List(accounts.organizations.iter().map(|organization| name(organization)).collect()),
        Block::Paragraph("Nothing has changed there. If you only wanted to sign in, you need no code: go to the sign-in page.".into()),
        Block::Link { label: "Sign-in page".into(), address: accounts.sign_in_link.into() },
        Block::Paragraph("If you want the new organization as well, use the code.".into()),
    ];
    blocks.extend(how_to_activate(facts));
    written(facts, &blocks)
}

fn greeting(facts: &RegistrationCode<'_>) -> Block {
    Block::Paragraph(format!("Hello {},", name(facts.name)))
}

fn asked(facts: &RegistrationCode<'_>) -> Block {
    Block::Paragraph(format!(
        "Someone, hopefully you, gave this mail address for the organization {} on Countersign.",
        name(facts.organization)
    ))
}

fn how_to_activate(facts: &RegistrationCode<'_>) -> [Block; 6] {
    [
        Block::Paragraph("Your code to activate it:".into()),
        Block::Code(grouped(facts.code)),
        Block::Link { label: "Type it on this page".into(), address: facts.activate_link.into() },
        Block::Facts(vec![
            ("Valid until", facts.expires_at.to_minute()),
            ("Organization", name(facts.organization)),
            ("Its id", facts.organization_id.to_string()),
        ]),
        Block::Paragraph(
            "Opening the page signs nobody in and uses nothing up; you can do it again, and on another device. If the code has run out, the page \
             sends you a new one."
                .into(),
        ),
        Block::Paragraph(
            "If you didn't ask for this, ignore this mail: without the code nothing happens. Give the code to nobody. Countersign has no passwords, \
             and no one from it will ever ask you for one."
                .into(),
        ),
    ]
}

fn written(facts: &RegistrationCode<'_>, blocks: &[Block]) -> Message {
    // Programs make no links in subjects, so here the name is as it was typed.
    let organization: String = facts.organization.trim().chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let subject = format!("Activate {organization} on Countersign: your code");
    message(facts.to, subject, blocks)
}

fn message(to: &EmailAddress, subject: String, blocks: &[Block]) -> Message {
    Message { to: to.clone(), text: layout::text(blocks), html: layout::html(&subject, blocks), subject }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_facts<T>(name: &str, organization: &str, then: impl FnOnce(&RegistrationCode<'_>) -> T) -> T {
        then(&RegistrationCode {
            to: &EmailAddress::parse("ada@example.org").unwrap(),
            name,
            organization,
            organization_id: OrganizationId::from_bytes([1; 16]),
            code: "1234567890123456",
            activate_link: "https://id.example.org/get-started/activate?email=ada%40example.org&organization=or-01040-g2081-040g2081040g2081",
            expires_at: Timestamp::from_millis(1_795_343_400_000),
        })
    }

    fn by_bob<T>(then: impl FnOnce(&By<'_>) -> T) -> T {
        let admin = EmailAddress::parse("bob@example.org").unwrap().into();
        then(&By { admin: &admin, at: Timestamp::from_millis(1_795_343_400_000), from: "Firefox on Windows, 192.0.2.1" })
    }

    #[test]
    fn the_plain_part_reads_well_on_its_own() {
        let message = with_facts("Ada Lovelace", "Acme", registration_code);
        assert_eq!(message.subject, "Activate Acme on Countersign: your code");
        insta::assert_snapshot!(message.text, @r"
        Hello Ada Lovelace,

        Someone, hopefully you, gave this mail address for the organization Acme
        on Countersign.

        Your code to activate it:

            1234 5678 9012 3456

        Type it on this page:
        https://id.example.org/get-started/activate?email=ada%40example.org&organization=or-01040-g2081-040g2081040g2081

        Valid until:  2026-11-22 10:30 UTC
        Organization: Acme
        Its id:       or-01040-g2081-040g2081040g2081

        Opening the page signs nobody in and uses nothing up; you can do it
        again, and on another device. If the code has run out, the page sends
        you a new one.

        If you didn't ask for this, ignore this mail: without the code nothing
        happens. Give the code to nobody. Countersign has no passwords, and no
        one from it will ever ask you for one.

        Countersign
        ");
    }

    #[test]
    fn the_html_part_says_the_same() {
        let message = with_facts("Ada Lovelace", "Acme", registration_code);
        insta::assert_snapshot!(message.html, @r#"
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta name="color-scheme" content="light dark">
        <meta name="supported-color-schemes" content="light dark">
        <style>:root { color-scheme: light dark; supported-color-schemes: light dark; }</style>
        <title>Activate Acme on Countersign: your code</title>
        </head>
        <body style="margin:0;padding:24px 16px">
        <div style="max-width:34em;margin:0 auto;font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5">
        <p style="margin:0 0 16px">Hello Ada Lovelace,</p>
        <p style="margin:0 0 16px">Someone, hopefully you, gave this mail address for the organization Acme on Countersign.</p>
        <p style="margin:0 0 16px">Your code to activate it:</p>
        <p style="margin:0 0 16px;padding:16px 8px;border:2px solid;border-radius:8px;text-align:center;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:22px;font-weight:bold">1234 5678 9012 3456</p>
        <p style="margin:0 0 16px"><a href="https://id.example.org/get-started/activate?email=ada%40example.org&amp;organization=or-01040-g2081-040g2081040g2081" style="font-weight:bold">Type it on this page</a><br>
        <span style="font-size:14px;overflow-wrap:anywhere;word-break:break-word">https://id.example.org/get-started/activate?email=ada%40example.org&amp;organization=or-01040-g2081-040g2081040g2081</span></p>
        <p style="margin:0 0 16px">Valid until: <b style="overflow-wrap:anywhere"><bdi>2026-11-22 10:30 UTC</bdi></b><br>
        Organization: <b style="overflow-wrap:anywhere"><bdi>Acme</bdi></b><br>
        Its id: <b style="overflow-wrap:anywhere"><bdi>or-01040-g2081-040g2081040g2081</bdi></b></p>
        <p style="margin:0 0 16px">Opening the page signs nobody in and uses nothing up; you can do it again, and on another device. If the code has run out, the page sends you a new one.</p>
        <p style="margin:0 0 16px">If you didn&#39;t ask for this, ignore this mail: without the code nothing happens. Give the code to nobody. Countersign has no passwords, and no one from it will ever ask you for one.</p>
        <p style="margin:32px 0 0;font-size:14px">Countersign</p>
        </div>
        </body>
        </html>
        "#);
    }

    #[test]
    fn whoever_has_accounts_elsewhere_is_told_so() {
        let organizations = ["Analytical Engines".to_owned(), "Royal <Society>".to_owned()];
        let accounts = Accounts { organizations: &organizations, sign_in_link: "https://id.example.org/login" };
        let message = with_facts("Ada Lovelace", "Acme", |facts| registration_code_beside(facts, &accounts));
        assert_eq!(message.subject, "Activate Acme on Countersign: your code");
        assert!(message.html.contains("<li><bdi>Royal &lt;Society&gt;</bdi></li>"), "{}", message.html);
        insta::assert_snapshot!(message.text, @r"
        Hello Ada Lovelace,

        Someone, hopefully you, gave this mail address for the organization Acme
        on Countersign.

        You already have an account in:

          * Analytical Engines
          * Royal <Society>

        Nothing has changed there. If you only wanted to sign in, you need no
        code: go to the sign-in page.

        Sign-in page:
        https://id.example.org/login

        If you want the new organization as well, use the code.

        Your code to activate it:

            1234 5678 9012 3456

        Type it on this page:
        https://id.example.org/get-started/activate?email=ada%40example.org&organization=or-01040-g2081-040g2081040g2081

        Valid until:  2026-11-22 10:30 UTC
        Organization: Acme
        Its id:       or-01040-g2081-040g2081040g2081

        Opening the page signs nobody in and uses nothing up; you can do it
        again, and on another device. If the code has run out, the page sends
        you a new one.

        If you didn't ask for this, ignore this mail: without the code nothing
        happens. Give the code to nobody. Countersign has no passwords, and no
        one from it will ever ask you for one.

        Countersign
        ");
    }

    #[test]
    fn an_invitation_says_who_invites() {
        let message = with_facts("", "Acme", |facts| by_bob(|by| invitation(facts, by)));
        assert!(message.text.starts_with(
            "Hello,\n\nbob@example.org invites you to the organization Acme on Countersign.\n\nYou will make a passkey and save a recovery kit;"
        ), "{}", message.text);
        assert!(message.text.contains("    1234 5678 9012 3456\n") && message.html.contains("1234 5678 9012 3456"), "{}", message.text);
    }

    #[test]
    fn whoever_enrols_again_is_told_who_ended_their_passkeys() {
        let message = with_facts("", "Acme", |facts| by_bob(|by| re_enrolment(facts, by)));
        assert!(message.text.starts_with("Hello,\n\nbob@example.org has ended your passkeys, your recovery kit"), "{}", message.text);
        assert!(message.text.contains("When: 2026-11-22 10:30 UTC\nFrom: Firefox on Windows, 192.0.2.1\n"), "{}", message.text);
        assert!(message.text.contains("tell another admin at once") && message.html.contains("1234 5678 9012 3456"), "{}", message.text);
    }

    #[test]
    fn what_happened_to_an_account_says_whom_to_turn_to() {
        let (to, at) = (EmailAddress::parse("ada@example.org").unwrap(), Timestamp::from_millis(1_795_343_400_000));
        let event = AccountEvent {
            to: &to,
            organization: "Acme",
            subject: "A passkey was added to your account",
            sentence: "The passkey “Phone” was added to your account.",
            at,
            from: "Firefox on Windows, 192.0.2.1",
            origin: "https://id.example.org",
            contact: Some("the IT desk, 030 1234"),
        };
        let named = account_event(&event);
        insta::assert_snapshot!(named.text, @r"
        Hello,

        The passkey “Phone” was added to your account.

        When:         2026-11-22 10:30 UTC
        From:         Firefox on Windows, 192.0.2.1
        Organization: Acme
        Account:      ada@example.org

        If this was you, there is nothing to do. If it wasn't, act now: open
        your account, remove every passkey that isn't yours, end all other
        sessions, and replace your recovery kit.

        Your account:
        https://id.example.org/account

        If you can't sign in any more, tell an admin of your organization at
        once, by another way than mail: they can end every passkey of your
        account and let you make a new one.

        If you don't know any admin, or can't reach one, ask the IT desk, 030
        1234.

        Countersign
        ");
        assert!(named.html.contains("ask the IT desk, 030 1234."), "{}", named.html);
        let unnamed = account_event(&AccountEvent { contact: None, ..event }).text;
        assert!(unnamed.contains("tell an admin of your organization") && !unnamed.contains("can't reach one"), "{unnamed}");
        let code = |contact| {
            let facts = RecoveryCode {
                to: &to,
                organization: "Acme",
                organization_id: OrganizationId::from_bytes([1; 16]),
                code: "1234567890123456",
                link: "https://id.example.org/recover/code",
                expires_at: at,
                at,
                from: "Firefox on Windows, 192.0.2.1",
                contact,
            };
            recovery_code(&facts).text
        };
        let asked = code(Some("Bob in room 3"));
        assert!(asked.contains("tell an admin of your") && asked.contains("ask Bob in room 3."), "{asked}");
        assert!(!code(None).contains("can't reach one"));
    }

    #[test]
    fn hostile_names_stay_names() {
        let name = "\"><img src=x onerror=alert(1)>'&";
        let organization = "Acme\r\nBcc: eve@example.org https://evil.example/<b>";
        let message = with_facts(name, organization, registration_code);
        assert!(!message.subject.contains(char::is_control), "{:?}", message.subject);
        assert!(!message.html.contains("<img") && !message.html.contains("<b>"), "{}", message.html);
        assert!(message.html.contains("&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&#39;&amp;"), "{}", message.html);
        // A title is never made a link.
        let (_, body) = message.html.split_once("</head>").unwrap();
        assert!(!body.contains("evil.example") && !message.text.contains("https://evil"), "{}", message.text);
        assert_eq!(message.text.matches("https://").count(), 1);
    }

    #[test]
    fn another_key_of_the_server_is_told_in_full() {
        let message = key_change(&KeyChange {
            to: &EmailAddress::parse("ada@example.org").unwrap(),
            organization: "Acme\r\nBcc: eve@example.org https://evil.example/<b>",
            at: Timestamp::from_millis(1_795_343_400_000),
            link: "https://id.example.org/org/history/7",
        });
        assert_eq!(message.subject, "The key that signs your organization's history was changed");
        assert!(!message.html.contains("<b>Acme") && !message.text.contains("https://evil"), "{}", message.text);
        for words in ["stands in the history, marked", "2026-11-22 10:30 UTC", "made anew", "\nhttps://id.example.org/org/history/7\n"] {
            assert!(message.text.contains(words), "{words}: {}", message.text);
        }
    }

    #[test]
    fn the_code_stands_once_in_each_part_and_nowhere_else() {
        let message = with_facts("Ada", "Acme", registration_code);
        assert_eq!(message.text.matches("1234 5678 9012 3456").count(), 1);
        assert_eq!(message.html.matches("1234 5678 9012 3456").count(), 1);
        assert!(!message.subject.contains("1234") && !message.html.contains("1234567890123456"));
    }

    #[test]
    fn lines_are_short_enough_to_be_quoted_even_with_the_longest_names() {
        let longest = ["Wort"; 20].join(" ");
        let message = with_facts(&longest, &longest, registration_code);
        for line in message.text.lines().filter(|line| !line.starts_with("https://") && !line.starts_with("Organization:")) {
            assert!(line.chars().count() <= 72, "{line}");
        }
    }
}
