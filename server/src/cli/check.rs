//! `countersign check`: whether settings, files and database are in order, and whether every organization is what its history
//! says. It changes nothing, may run beside a server, and goes on after what it finds.

use super::{StartError, next_secret, say};
use crate::{
    action::{Fit, Inspected, RoadError, checkpoint_signer, inspect, key_in_force},
    ambient::Ambient,
    config::{Config, Settings},
    secret::{SecretError, ServerSecret},
    storage::{
        StorageError, outbox,
        upkeep::{self, AsItIs, Named, Schema},
    },
};
use app::{action::history::checkpoint::CheckpointSigner, domain::id::OrganizationId};
use secrecy::ExposeSecret;
use std::{
    error::Error,
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// So much is said about one thing; a table that is gone would fill the screen.
const MOST: usize = 20;

/// One line for each thing.
struct Report<'a> {
    out: &'a mut dyn Write,
    wrong: usize,
}

impl Report<'_> {
    fn line(&mut self, what: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(words) => say(&format!("fine   {what}: {words}"), self.out),
            Err(words) => self.wrong(what, &[words]),
        }
    }

    fn wrong(&mut self, what: &str, all: &[String]) {
        for words in all.iter().take(MOST) {
            say(&format!("WRONG  {what}: {words}"), self.out);
        }
        if all.len() > MOST {
            say(&format!("WRONG  {what}: and {} more", all.len() - MOST), self.out);
        }
        self.wrong += all.len();
    }

    /// Says what is wrong, or that nothing is.
    fn all(&mut self, what: &str, fine: &str, found: Result<Vec<String>, StorageError>) {
        match found {
            Ok(wrong) if wrong.is_empty() => self.line(what, Ok(fine.to_owned())),
            Ok(wrong) => self.wrong(what, &wrong),
            Err(error) => self.wrong(what, &[in_full(&error)]),
        }
    }

    fn end(self) -> bool {
        let words = match self.wrong {
            0 => "Everything is in order.".to_owned(),
            1 => "1 thing is wrong.".to_owned(),
            wrong => format!("{wrong} things are wrong."),
        };
        say(&words, self.out);
        self.wrong == 0
    }
}

/// Checks everything; whether it is in order.
pub async fn check(settings: Settings, out: &mut dyn Write) -> bool {
    let mut report = Report { out, wrong: 0 };
    let config = match Config::check(settings) {
        Ok(config) => config,
        Err(error) => {
            report.line("settings", Err(error.to_string()));
            return report.end();
        }
    };
    report.line("settings", Ok(format!("they can be read and are safe, for {}", config.origin_text())));
    report.line("browser's files", browser_files(&config.site_root));
    report.line("data folder", data_folder(&config.data_dir));
    let secret = secret(&config);
    match AsItIs::open(&config.database).await {
        Ok(Some(mut database)) => {
            database_itself(&config, &mut database, secret, &mut report).await;
            database.close().await;
        }
        Ok(None) => {
            report.line("database", Ok(format!("{} isn't there yet: the first start makes it", config.database)));
            new_secret(secret, &mut report);
        }
        Err(error) => {
            report.line("database", Err(format!("{} can't be opened: {}", config.database, in_full(&error))));
            new_secret(secret, &mut report);
        }
    }
    report.end()
}

/// The files that pages ask for. With hashes in their names they are found by `hash.txt`, which must be in the program's folder.
fn browser_files(site_root: &Path) -> Result<String, String> {
    let files = site_root.join("pkg");
    let shown = files.display();
    if !files.is_dir() {
        return Err(format!("{shown} isn't there: build it with `make build`, or say where the site is with COUNTERSIGN_SITE_ROOT"));
    }
    let program = std::env::current_exe().map_err(|error| format!("the program's own folder can't be found: {error}"))?;
    let hash_file = program.with_file_name("hash.txt");
    let hashes = match fs::read_to_string(&hash_file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(format!("{} can't be read: {error}", hash_file.display())),
    };
    let named = |kind: &str| {
        let hash = hashes.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once(':'));
        let hash = hash.filter(|(of, _)| of.trim() == kind).map(|(_, hash)| format!(".{}", hash.trim())).next();
        format!("countersign{}.{kind}", hash.unwrap_or_default())
    };
    let mut missing = ["js", "wasm", "css"].map(named).to_vec();
    // Without hashes the program itself may be built to ask for another name.
    let is_there = |name: &str| files.join(name).is_file();
    missing.retain(|name| !is_there(name) && (name != "countersign.wasm" || !is_there("countersign_bg.wasm")));
    let missing = missing.join(", ");
    if missing.is_empty() {
        Ok(format!("{shown} has them"))
    } else if hashes.is_some() {
        Err(format!(
            "{} isn't of the same build as {shown}, where {missing} would have to be: put program, hash.txt and site there together",
            hash_file.display()
        ))
    } else if has_hashes(&files) {
        Err(format!(
            "their names in {shown} have hashes, and {} isn't there: put the hash.txt of the same build there",
            hash_file.display()
        ))
    } else {
        Err(format!("{shown} lacks {missing}: build them with `make build`"))
    }
}

/// Whether there is something like `countersign.yE2n2-N9O_qaAd4Qly371g.js`.
fn has_hashes(files: &Path) -> bool {
    let is_hashed = |name: &str| name.strip_prefix("countersign.").and_then(|rest| rest.strip_suffix(".js")).is_some();
    fs::read_dir(files).is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_hashed)))
}

fn data_folder(path: &Path) -> Result<String, String> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(format!("{shown} is there")),
        Ok(_) => Err(format!("{shown} isn't a folder: say which one it is with COUNTERSIGN_DATA_DIR")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(format!("{shown} isn't there yet: the first start makes it")),
        Err(error) => Err(format!("{shown} can't be looked at: {error}")),
    }
}

/// The server's secret and where it is from.
struct Secret {
    /// Nothing, when there is none yet.
    secret: Option<ServerSecret>,
    /// As in "the file data/secret".
    origin: String,
}

fn secret(config: &Config) -> Result<Secret, String> {
    if let Some(text) = &config.secret {
        let origin = "COUNTERSIGN_SECRET".to_owned();
        return ServerSecret::parse(text.expose_secret())
            .map(|secret| Secret { secret: Some(secret), origin })
            .map_err(|error| format!("COUNTERSIGN_SECRET: {error}"));
    }
    let next = next_secret(config);
    if next.exists() {
        return Err(StartError::HalfRotated(next).to_string());
    }
    let path: PathBuf = config.data_dir.join("secret");
    let origin = format!("the file {}", path.display());
    match ServerSecret::read(&path) {
        Ok(secret) => Ok(Secret { secret, origin }),
        Err(error @ SecretError::Malformed) => Err(format!("{origin}: {error}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Where there is nothing that the secret could fit.
fn new_secret(secret: Result<Secret, String>, report: &mut Report<'_>) {
    let said = secret.map(|Secret { secret, origin }| match secret {
        Some(_) => format!("{origin} has one"),
        None => format!("{origin} isn't there yet: the first start makes it"),
    });
    report.line("secret", said);
}

async fn database_itself(config: &Config, database: &mut AsItIs, secret: Result<Secret, String>, report: &mut Report<'_>) {
    let shown = &config.database;
    let schema = database.schema().await;
    let said = match &schema {
        Ok(Schema::UpToDate) => Ok(format!("{shown}, its tables are up to date")),
        Ok(Schema::Missing) => Ok(format!("{shown} has no tables yet: the first start makes them")),
        Ok(Schema::Behind(number)) => Err(format!(
            "the tables of {shown} are those of an older version, and the server's next start changes them (migrations: {number})"
        )),
        Ok(Schema::Newer(version)) => {
            Err(format!("the tables of {shown} are those of a newer version (migration {version}): use the newer program, or a backup"))
        }
        Ok(Schema::Changed(version)) => {
            Err(format!("migration {version} of {shown} isn't the one of this program: use the program that made the database"))
        }
        Ok(Schema::Broken(version)) => Err(format!("migration {version} of {shown} broke off: restore the backup of before")),
        Err(error) => Err(format!("{shown} can't be read: {}", in_full(error))),
    };
    report.line("database", said);
    report.all("damage", "none", database.damage().await);
    report.all("references", "every row's are there", database.broken_references().await);
    match schema {
        Ok(Schema::UpToDate) => organizations(config, database, secret, report).await,
        // Without these tables, or with others, there is nothing that could be read.
        _ => new_secret(secret, report),
    }
}

async fn organizations(config: &Config, database: &mut AsItIs, secret: Result<Secret, String>, report: &mut Report<'_>) {
    let all = match all_organizations(database).await {
        Ok(all) => all,
        Err(error) => {
            report.line("organizations", Err(in_full(&error)));
            return new_secret(secret, report);
        }
    };
    let key = match &secret {
        Ok(Secret { secret: Some(secret), .. }) => match checkpoint_signer(&config.origin_text(), secret) {
            Ok(signer) => Some((signer, secret.clone())),
            Err(error) => {
                report.line("secret", Err(in_full::<RoadError>(&error)));
                None
            }
        },
        _ => None,
    };
    let outcome = match &secret {
        Ok(Secret { secret: None, origin }) if all.iter().any(|(named, _)| named.is_active) => {
            Err(format!("{origin} isn't there, and the database has organizations: put the one there that belongs to it"))
        }
        Ok(Secret { secret: None, origin }) => Ok(format!("{origin} isn't there yet: the first start makes it")),
        Ok(Secret { secret: Some(_), origin }) => Ok(origin.clone()),
        Err(words) => Err(words.clone()),
    };
    match (outcome, &key) {
        (Ok(origin), Some((signer, secret))) => {
            let misfits = misfits(database, &all, signer).await;
            report.all("secret", &format!("{origin} has the one that the database was used with"), misfits);
            report.line("waiting mails", waiting_mails(database, secret).await);
        }
        (outcome, _) => report.line("secret", outcome),
    }
    for (named, id) in &all {
        let what = format!("“{}” ({})", named.name, named.id);
        match id {
            Some(id) => organization(database, &what, *id, key.as_ref().map(|(signer, _)| signer), report).await,
            None => report.line(&what, Err("its id can't be read".to_owned())),
        }
    }
}

/// All of them, with their ids as far as they can be read.
async fn all_organizations(database: &mut AsItIs) -> Result<Vec<(Named, Option<OrganizationId>)>, StorageError> {
    let mut snapshot = database.snapshot().await?;
    let all = upkeep::organizations(&mut snapshot).await?;
    Ok(all.into_iter().map(|named| (named.id.parse().ok(), named)).map(|(id, named)| (named, id)).collect())
}

/// For each organization in whose history another key is in force, a sentence.
async fn misfits(
    database: &mut AsItIs,
    all: &[(Named, Option<OrganizationId>)],
    signer: &CheckpointSigner,
) -> Result<Vec<String>, StorageError> {
    let mut snapshot = database.snapshot().await?;
    let mut found = Vec::new();
    for (named, id) in all.iter().filter_map(|(named, id)| Some((named, (*id)?))) {
        let Named { name, .. } = named;
        match Fit::of(signer, key_in_force(&mut snapshot, id).await?.as_ref()) {
            Fit::Same | Fit::Unknown => {}
            Fit::AnotherName(before) => found.push(format!(
                "the history of “{name}” ({id}) has checkpoints of {before}: those of another name or port don't verify, so set COUNTERSIGN_ORIGIN to it again, or see `countersign rotate-secret --help`"
            )),
            Fit::AnotherSecret => found.push(format!(
                "it isn't the one whose key is in force in the history of “{name}” ({id}): give the right one (COUNTERSIGN_SECRET, or the file secret in the data folder)"
            )),
        }
    }
    Ok(found)
}

/// Whether the secret opens them.
async fn waiting_mails(database: &mut AsItIs, secret: &ServerSecret) -> Result<String, String> {
    let now = Ambient::of_this_machine().now();
    let waiting = async {
        let mut snapshot = database.snapshot().await?;
        outbox::to_send(&mut snapshot, now).await
    };
    let waiting = waiting.await.map_err(|error| in_full(&error))?;
    let shut = waiting.iter().filter(|(id, sealed)| secret.open(&id.to_string(), sealed).is_err()).count();
    match (waiting.len(), shut) {
        (0, _) => Ok("none".to_owned()),
        (all, 0) => Ok(format!("{all}, and the secret opens them")),
        (all, shut) => Err(format!("{shut} of {all} can't be opened with this secret, and will be given up")),
    }
}

/// One organization, as of one moment.
async fn organization(database: &mut AsItIs, what: &str, id: OrganizationId, signer: Option<&CheckpointSigner>, report: &mut Report<'_>) {
    let found = async {
        let mut snapshot = database.snapshot().await?;
        // Which key is in force is told with the secret. Under another key its checkpoint can't verify.
        let signer = match signer {
            Some(signer) => {
                let in_force = key_in_force(&mut snapshot, id).await?;
                (Fit::of(signer, in_force.as_ref()) == Fit::Same).then_some(signer)
            }
            None => None,
        };
        inspect(&mut snapshot, id, signer).await
    };
    match found.await {
        Ok(Some(Inspected { entries: 0, wrong, .. })) if wrong.is_empty() => {
            report.line(what, Ok("was never activated, and has no history".to_owned()));
        }
        Ok(Some(Inspected { entries, users, permissions, credentials, wrong })) => {
            let fine = format!(
                "{entries} entries verify; {users} users, {permissions} permissions and {credentials} passkeys and keys are what they say"
            );
            report.all(what, &fine, Ok(wrong));
        }
        // It ran out while the others were looked at.
        Ok(None) => report.line(what, Ok("was removed meanwhile".to_owned())),
        Err(error) => report.line(what, Err(in_full(&error))),
    }
}

/// An error with its causes, in one line.
fn in_full<E: Error>(error: &E) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words.replace('\n', " ")
}
