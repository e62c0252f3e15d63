//! Every setting, from flags or the environment, checked before anything starts. What can't be safe is refused with a
//! sentence that says how to mend it.

use crate::{
    mail::smtp::{Server, ServerUrlError},
    storage::{DatabaseUrl, DatabaseUrlError},
};
use axum::http::HeaderValue;
use clap::{Args, ValueEnum};
use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use url::{Host, Url};

/// Who may create organizations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Organizations {
    /// Anyone who reaches the page.
    Open,
    /// Only the very first one may be created.
    First,
    /// Nobody.
    Closed,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings as given. Every flag has an environment variable.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where people reach this server: scheme, host and port, as their browser shows it
    #[arg(long, env = "COUNTERSIGN_ORIGIN", hide_env_values = true, value_name = "URL", default_value = "http://localhost:3000")]
    #[arg(help_heading = "Where it is reached")]
    pub origin: String,
    /// Address and port to listen on
    #[arg(long, env = "COUNTERSIGN_LISTEN", hide_env_values = true, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    #[arg(help_heading = "Where it is reached")]
    pub listen: SocketAddr,
    /// Addresses of reverse proxies whose X-Forwarded-For is believed, separated by commas
    #[arg(long, env = "COUNTERSIGN_TRUSTED_PROXIES", hide_env_values = true, value_name = "ADDRESSES", value_delimiter = ',')]
    #[arg(help_heading = "Where it is reached")]
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins of web pages that may call the API from a browser (CORS), separated by commas; none, unless they are named
    #[arg(long, env = "COUNTERSIGN_API_ORIGINS", hide_env_values = true, value_name = "URLS", value_delimiter = ',')]
    #[arg(help_heading = "Where it is reached")]
    pub api_origins: Vec<String>,
    /// Folder for the embedded database and the server's secret
    #[arg(long, env = "COUNTERSIGN_DATA_DIR", hide_env_values = true, value_name = "FOLDER", default_value = "data")]
    #[arg(help_heading = "What it keeps")]
    pub data_dir: PathBuf,
    /// `sqlite://…` or `postgres://…`; without it, a SQLite file in the data folder
    #[arg(long, env = "COUNTERSIGN_DATABASE_URL", hide_env_values = true, value_name = "URL", help_heading = "What it keeps")]
    pub database_url: Option<SecretString>,
    /// The server's secret, 64 hexadecimal digits; without it, the file `secret` in the data folder, made at the first start
    #[arg(long, env = "COUNTERSIGN_SECRET", hide_env_values = true, value_name = "DIGITS", help_heading = "What it keeps")]
    pub secret: Option<SecretString>,
    /// Folder with the browser's files
    #[arg(long, env = "COUNTERSIGN_SITE_ROOT", hide_env_values = true, value_name = "FOLDER", default_value = "target/site")]
    #[arg(help_heading = "What it keeps")]
    pub site_root: PathBuf,
    /// `smtp://user:password@host:587?tls=required` or `smtps://…`; may be left out only when the origin is localhost
    #[arg(long, env = "COUNTERSIGN_SMTP_URL", hide_env_values = true, value_name = "URL", help_heading = "Mail")]
    pub smtp_url: Option<SecretString>,
    /// Whom mails are from, as in `Countersign <countersign@example.org>`
    #[arg(long, env = "COUNTERSIGN_MAIL_FROM", hide_env_values = true, value_name = "SENDER", help_heading = "Mail")]
    pub mail_from: Option<String>,
    /// Who may create organizations
    #[arg(long, env = "COUNTERSIGN_ORGANIZATIONS", hide_env_values = true, value_name = "WHO", value_enum, default_value = "open")]
    #[arg(help_heading = "Who may do how much")]
    pub organizations: Organizations,
    /// Whom people may ask, in your words: when nobody may create organizations, and in mails about their account
    #[arg(long, env = "COUNTERSIGN_CONTACT", hide_env_values = true, value_name = "WORDS", help_heading = "Who may do how much")]
    pub contact: Option<String>,
    /// POST requests a minute from one address (IPv6: from one /64)
    #[arg(long, env = "COUNTERSIGN_REQUESTS_PER_MINUTE", hide_env_values = true, value_name = "NUMBER", default_value_t = 120)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), help_heading = "Who may do how much")]
    pub requests_per_minute: u32,
    /// Mails and sign-up attempts an hour for one mail address
    #[arg(long, env = "COUNTERSIGN_MAILS_PER_HOUR", hide_env_values = true, value_name = "NUMBER", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), help_heading = "Who may do how much")]
    pub mails_per_hour: u32,
    /// Invitations an hour that one organization may have sent by mail
    #[arg(long, env = "COUNTERSIGN_INVITATIONS_PER_HOUR", hide_env_values = true, value_name = "NUMBER", default_value_t = 200)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), help_heading = "Who may do how much")]
    pub invitations_per_hour: u32,
    /// How logs are written
    #[arg(long, env = "COUNTERSIGN_LOG_FORMAT", hide_env_values = true, value_name = "FORM", value_enum, default_value = "text")]
    #[arg(help_heading = "How it is run")]
    pub log_format: LogFormat,
    /// Address and port at which Prometheus finds `/metrics`; without it, nothing is counted
    #[arg(long, env = "COUNTERSIGN_METRICS_LISTEN", hide_env_values = true, value_name = "ADDRESS:PORT", help_heading = "How it is run")]
    pub metrics_listen: Option<SocketAddr>,
    /// Seconds for which requests are still taken when the server is asked to stop, while `/health/ready` says no already
    #[arg(long, env = "COUNTERSIGN_STOP_DELAY", hide_env_values = true, value_name = "SECONDS", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u16).range(..=300), help_heading = "How it is run")]
    pub stop_delay: u16,
}

/// Where mails go.
#[derive(Debug, Clone)]
pub enum Mail {
    /// To a mail server.
    Smtp {
        /// lettre's URL of it.
        url: SecretString,
        /// Whom they are from.
        from: Mailbox,
    },
    /// To `/dev/mail`: only on localhost.
    LocalMailbox,
}

/// The settings, checked.
#[derive(Clone)]
pub struct Config {
    /// Where people reach this server; no path, its host a domain name.
    pub origin: Url,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Folder for database and secret.
    pub data_dir: PathBuf,
    /// The database.
    pub database: DatabaseUrl,
    /// The server's secret, when it isn't kept in a file.
    pub secret: Option<SecretString>,
    /// Where mails go.
    pub mail: Mail,
    /// Who may create organizations.
    pub organizations: Organizations,
    /// Whom to ask.
    pub contact: Option<String>,
    /// Whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// POST requests a minute from one address.
    pub requests_per_minute: u32,
    /// Mails an hour to one address.
    pub mails_per_hour: u32,
    /// Invitations an hour of one organization.
    pub invitations_per_hour: u32,
    /// Origins whose pages may call the API.
    pub api_origins: Vec<HeaderValue>,
    /// Folder with the browser's files.
    pub site_root: PathBuf,
    /// Where metrics are told.
    pub metrics_listen: Option<SocketAddr>,
    /// How long requests are still taken after the server was asked to stop.
    pub stop_delay: Duration,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not an origin.
    #[error("COUNTERSIGN_ORIGIN `{0}` is not an origin: give scheme, host and port only, as in https://id.example.org")]
    Origin(String),
    /// Passkeys need a domain name.
    #[error("COUNTERSIGN_ORIGIN `{0}` names an IP address: passkeys work for names only. Use a domain name, or localhost")]
    OriginIsAddress(String),
    /// Browsers offer passkeys on https and on localhost only.
    #[error(
        "COUNTERSIGN_ORIGIN `{0}` is neither https nor localhost: browsers offer no passkeys there, and sessions could be read on the way. Use https"
    )]
    OriginNotSafe(String),
    /// Not an origin.
    #[error("COUNTERSIGN_API_ORIGINS `{0}` is not an origin: give scheme, host and port only, as in https://app.example.org")]
    ApiOrigin(String),
    /// The database.
    #[error("COUNTERSIGN_DATABASE_URL: {0}")]
    Database(#[from] DatabaseUrlError),
    /// The data folder isn't text.
    #[error("COUNTERSIGN_DATA_DIR must be a path in UTF-8 without ? and #")]
    DataDir,
    /// Without a mail server nobody could sign up.
    #[error(
        "COUNTERSIGN_SMTP_URL is missing: away from localhost, mails need a mail server, as in smtp://user:password@mail.example.org:587?tls=required"
    )]
    NoMailServer,
    /// The mail server's URL.
    #[error("COUNTERSIGN_SMTP_URL can't be used: {0}")]
    SmtpUrl(#[from] ServerUrlError),
    /// Mails need a sender.
    #[error(
        "COUNTERSIGN_MAIL_FROM is missing: with COUNTERSIGN_SMTP_URL, say whom mails are from, as in Countersign <countersign@example.org>"
    )]
    NoSender,
    /// The sender can't be read.
    #[error("COUNTERSIGN_MAIL_FROM `{0}` can't be read: use the form Countersign <countersign@example.org>")]
    Sender(String),
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// Says which setting can't be used and how to mend it.
    pub fn check(settings: Settings) -> Result<Self, ConfigError> {
        let origin = check_origin(&settings.origin)?;
        let mail = check_mail(settings.smtp_url, settings.mail_from.as_deref(), &origin)?;
        let database = match &settings.database_url {
            Some(url) => url.expose_secret().parse()?,
            None => sqlite_in(&settings.data_dir)?,
        };
        Ok(Self {
            origin,
            listen: settings.listen,
            data_dir: settings.data_dir,
            database,
            secret: settings.secret,
            mail,
            organizations: settings.organizations,
            contact: settings.contact.filter(|contact| !contact.trim().is_empty()),
            trusted_proxies: settings.trusted_proxies,
            requests_per_minute: settings.requests_per_minute,
            mails_per_hour: settings.mails_per_hour,
            invitations_per_hour: settings.invitations_per_hour,
            api_origins: settings.api_origins.iter().map(|origin| check_api_origin(origin)).collect::<Result<_, _>>()?,
            site_root: settings.site_root,
            metrics_listen: settings.metrics_listen,
            stop_delay: Duration::from_secs(settings.stop_delay.into()),
        })
    }

    /// The origin as browsers write it: no slash at its end.
    pub fn origin_text(&self) -> String {
        self.origin.origin().ascii_serialization()
    }

    /// Whether browsers reach this server by https.
    pub fn is_https(&self) -> bool {
        self.origin.scheme() == "https"
    }
}

fn check_origin(text: &str) -> Result<Url, ConfigError> {
    let malformed = || ConfigError::Origin(text.to_owned());
    let url = Url::parse(text).map_err(|_| malformed())?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare {
        return Err(malformed());
    }
    match url.host() {
        Some(Host::Domain("localhost")) => Ok(url),
        Some(Host::Domain(_)) if url.scheme() == "https" => Ok(url),
        Some(Host::Domain(_)) => Err(ConfigError::OriginNotSafe(text.to_owned())),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Err(ConfigError::OriginIsAddress(text.to_owned())),
        None => Err(malformed()),
    }
}

/// As browsers send it: compared byte by byte.
fn check_api_origin(text: &str) -> Result<HeaderValue, ConfigError> {
    let malformed = || ConfigError::ApiOrigin(text.to_owned());
    let url = Url::parse(text).map_err(|_| malformed())?;
    let written = url.origin().ascii_serialization();
    if written == text { HeaderValue::from_str(text).map_err(|_| malformed()) } else { Err(malformed()) }
}

fn check_mail(smtp_url: Option<SecretString>, from: Option<&str>, origin: &Url) -> Result<Mail, ConfigError> {
    let Some(url) = smtp_url else {
        return if origin.domain() == Some("localhost") { Ok(Mail::LocalMailbox) } else { Err(ConfigError::NoMailServer) };
    };
    // The transport reads it again; here a mistake is told with the setting's name.
    Server::parse(url.expose_secret())?;
    let from = from.ok_or(ConfigError::NoSender)?;
    let from = from.parse().map_err(|_| ConfigError::Sender(from.to_owned()))?;
    Ok(Mail::Smtp { url, from })
}

fn sqlite_in(folder: &std::path::Path) -> Result<DatabaseUrl, ConfigError> {
    let file = folder.join("countersign.db");
    let path = file.to_str().filter(|path| !path.contains(['?', '#', '%'])).ok_or(ConfigError::DataDir)?;
    Ok(format!("sqlite:{path}").parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        settings: Settings,
    }

    fn check(arguments: &[&str]) -> Result<Config, String> {
        let command = Command::try_parse_from(["countersign"].iter().chain(arguments)).map_err(|error| error.to_string())?;
        Config::check(command.settings).map_err(|error| error.to_string())
    }

    fn refusal(arguments: &[&str]) -> String {
        check(arguments).err().unwrap_or_default()
    }

    #[test]
    fn without_any_setting_it_runs_on_localhost() {
        let config = check(&[]).unwrap();
        assert_eq!(config.origin_text(), "http://localhost:3000");
        assert_eq!(config.database.to_string(), "sqlite:data/countersign.db");
        assert!(matches!(config.mail, Mail::LocalMailbox));
    }

    #[test]
    fn origins_that_cant_be_safe_are_refused() {
        assert!(refusal(&["--origin", "http://id.example.org"]).contains("Use https"));
        assert!(refusal(&["--origin", "https://192.0.2.1"]).contains("names an IP address"));
        assert!(refusal(&["--origin", "http://127.0.0.1:3000"]).contains("names an IP address"));
        for origin in [
            "id.example.org",
            "https://id.example.org/app",
            "ftp://id.example.org",
            "https://ada@id.example.org",
            "https://id.example.org?x",
            "",
        ] {
            assert!(refusal(&["--origin", origin]).contains("is not an origin"), "{origin}");
        }
    }

    #[test]
    fn pages_that_may_call_the_api_are_named_as_browsers_name_them() {
        assert_eq!(check(&["--api-origins", "https://a.example.org,http://localhost:8080"]).unwrap().api_origins.len(), 2);
        for origin in ["*", "https://a.example.org/", "a.example.org", "https://A.example.org", "null"] {
            assert!(refusal(&["--api-origins", origin]).contains("COUNTERSIGN_API_ORIGINS"), "{origin}");
        }
    }

    #[test]
    fn away_from_localhost_mail_needs_a_server_and_a_sender() {
        let origin = ["--origin", "https://id.example.org"];
        assert!(refusal(&origin).contains("COUNTERSIGN_SMTP_URL is missing"));
        let smtp = ["--origin", "https://id.example.org", "--smtp-url", "smtp://localhost:25"];
        assert!(refusal(&smtp).contains("COUNTERSIGN_MAIL_FROM is missing"));
        assert!(refusal(&[&smtp[..], &["--mail-from", "nobody"]].concat()).contains("can't be read"));
        assert!(check(&[&smtp[..], &["--mail-from", "Countersign <id@example.org>"]].concat()).is_ok());
        assert!(refusal(&["--smtp-url", "http://localhost"]).contains("COUNTERSIGN_SMTP_URL can't be used"));
    }

    #[test]
    fn other_databases_are_refused_and_passwords_never_said() {
        let refused = refusal(&["--database-url", "mysql://root:hunter2@db/x"]);
        assert!(refused.contains("`mysql` databases are not supported") && !refused.contains("hunter2"), "{refused}");
        assert!(refusal(&["--database-url", "hunter2"]).contains("can't be read"));
        let config = check(&["--database-url", "postgres://ada:hunter2@db.example.org/countersign?sslmode=verify-full"]).unwrap();
        assert_eq!(config.database.to_string(), "postgres://db.example.org/countersign");
    }

    #[test]
    fn a_database_elsewhere_needs_a_word_about_encryption() {
        for url in [
            "postgres://ada:hunter2@db.example.org/countersign",
            "postgresql://ada:hunter2@192.0.2.1:5433/countersign",
            "postgres://ada:hunter2@[2001:db8::1]/countersign",
            "postgres://ada:hunter2@localhost.example.org/countersign",
            "postgres://ada:hunter2@localhost/countersign?host=db.example.org",
            "postgres://ada:hunter2@localhost/countersign?hostaddr=192.0.2.1",
            // Both let whoever sits in between decide.
            "postgres://ada:hunter2@db.example.org/countersign?sslmode=prefer",
            "postgres://ada:hunter2@db.example.org/countersign?ssl-mode=allow",
            "postgres://ada:hunter2@db.example.org/countersign?sslmode=verify-full&sslmode=prefer",
        ] {
            let refused = refusal(&["--database-url", url]);
            assert!(refused.contains("add ?sslmode=verify-full") && refused.starts_with("COUNTERSIGN_DATABASE_URL: "), "{url}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        for url in [
            "postgres://ada@localhost/countersign",
            "postgres://ada@127.0.0.1:5433/countersign",
            "postgres://ada@[::1]/countersign",
            "postgres:///countersign?host=/var/run/postgresql&user=countersign",
            "postgres://ada@%2Fvar%2Frun%2Fpostgresql/countersign",
            "postgres://ada@db.example.org/countersign?host=/var/run/postgresql",
            "postgres://ada@db.example.org/countersign?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgres://ada@db.example.org/countersign?sslmode=verify-ca",
            "postgres://ada@db.example.org/countersign?sslmode=require",
            "postgres://ada@db.example.org/countersign?sslmode=disable",
        ] {
            assert_eq!(refusal(&["--database-url", url]), "", "{url}");
        }
    }

    /// Whoever writes a unit or a container file looks there.
    #[test]
    fn every_setting_is_explained_and_is_a_variable_that_the_guide_names() {
        let guide = include_str!("../../docs/operations.md");
        let command = <Command as clap::CommandFactory>::command();
        let settings: Vec<_> = command.get_arguments().filter(|setting| setting.get_long().is_some()).collect();
        assert!(settings.len() > 15, "{}", settings.len());
        for setting in settings {
            let flag = setting.get_long().unwrap();
            let variable = format!("COUNTERSIGN_{}", flag.replace('-', "_").to_uppercase());
            assert_eq!(setting.get_env().unwrap().to_str(), Some(&*variable), "--{flag}");
            assert!(setting.get_help().is_some_and(|help| help.to_string().len() > 15), "--{flag} isn't explained");
            assert!(setting.get_help_heading().is_some(), "--{flag} is in no group");
            assert!(guide.contains(&format!("\n| `{variable}` | ")), "the guide's table doesn't have {variable}");
            // What is in the environment may be a password.
            assert!(setting.is_hide_env_values_set(), "--{flag} shows its value");
        }
    }
}
