//! How the server is started: flags over environment over file over defaults.

mod network;
mod size;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;

pub use network::{Network, NotANetwork};
pub use size::ByteSize;

use crate::audio_files::limits::QUOTA_PER_USER_BYTES;
use crate::cli::Failure;
use crate::limits::{HEADER_TIMEOUT, HEADER_TIMEOUT_MAX, TRUSTED_PROXIES_MAX};
use crate::realtime::limits::{KEEP_FREE_BYTES, LOG_PER_SONG_BYTES};

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signup {
    /// Everyone who reaches the server.
    #[default]
    Open,
    /// Whoever has a link that `unisono invite` has made.
    Invitation,
    /// Nobody.
    Closed,
}

/// Arguments of `unisono serve`.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// Address to listen on [default: 127.0.0.1:4410]
    #[arg(long, env = "UNISONO_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Folder of the database and the audio [default: unisono-data]
    #[arg(long, env = "UNISONO_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// TLS certificate chain, PEM
    #[arg(long, env = "UNISONO_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// TLS private key, PEM
    #[arg(long, env = "UNISONO_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Let the demo accounts log in, and add them and the demo song if they are not there
    #[arg(long, env = "UNISONO_DEMO", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub demo: Option<bool>,
    /// Who may make an account [default: open]
    #[arg(long, env = "UNISONO_SIGNUP", value_name = "WHO")]
    pub signup: Option<Signup>,
    /// The address that browsers see, where a proxy does not pass the Host header on
    #[arg(long, env = "UNISONO_PUBLIC_ORIGIN", value_name = "ORIGIN")]
    pub public_origin: Option<String>,
    /// Proxies whose X-Forwarded-For or Forwarded is believed: addresses or networks, separated by commas
    #[arg(long = "trusted-proxy", env = "UNISONO_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<Network>>,
    /// Seconds that a connection may take to send a request, or lie idle [default: 30]
    #[arg(long, env = "UNISONO_IDLE_TIMEOUT", value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=HEADER_TIMEOUT_MAX.as_secs()))]
    pub idle_timeout: Option<u64>,
    /// How much one person's recordings may take, such as 500MB, 20GB or none, with what is decoded of them [default: 20GB]
    #[arg(long, env = "UNISONO_QUOTA_PER_USER", value_name = "SIZE")]
    pub quota_per_user: Option<ByteSize>,
    /// How much of the disk edits and uploads leave free: with less they are refused until there is room [default: 256MB]
    #[arg(long, env = "UNISONO_KEEP_FREE", value_name = "SIZE")]
    pub keep_free: Option<ByteSize>,
    /// How large one song's history may grow, such as 500MB, 4GB or none for no limit: it is kept for ever [default: 4GB]
    #[arg(long, env = "UNISONO_LOG_PER_SONG", value_name = "SIZE")]
    pub log_per_song: Option<ByteSize>,
    /// Configuration file (TOML) with the same names: listen, data, tls-cert, …
    #[arg(long, env = "UNISONO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    demo: Option<bool>,
    signup: Option<Signup>,
    public_origin: Option<String>,
    #[serde(rename = "trusted-proxy")]
    trusted_proxies: Option<Vec<Network>>,
    idle_timeout: Option<u64>,
    quota_per_user: Option<ByteSize>,
    keep_free: Option<ByteSize>,
    log_per_song: Option<ByteSize>,
}

/// How the server was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the database and the audio are.
    pub data: PathBuf,
    /// Certificate and key, when it speaks TLS itself.
    pub tls: Option<Tls>,
    /// Whether demo accounts may log in.
    pub demo: bool,
    /// Who may make an account.
    pub signup: Signup,
    /// The address that browsers see, when it is not the one in the Host header.
    pub public_origin: Option<String>,
    /// Proxies that are believed when they say whom a request comes from.
    pub trusted_proxies: Vec<Network>,
    /// How long a connection may take to send the head of a request, the first or the next.
    pub idle_timeout: Duration,
    /// Bytes that one person's recordings may take; `u64::MAX` for no limit.
    pub quota_per_user: u64,
    /// Bytes of the disk that edits and uploads leave free.
    pub keep_free: u64,
    /// Bytes that the log of one song may grow to; `u64::MAX` for no limit.
    pub log_per_song: u64,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Config {
    /// The configuration of a server without any flags, over the folder `data`.
    #[must_use]
    pub fn new(data: &Path) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 4410)),
            data: data.to_owned(),
            tls: None,
            demo: false,
            signup: Signup::Open,
            public_origin: None,
            trusted_proxies: Vec::new(),
            idle_timeout: HEADER_TIMEOUT,
            quota_per_user: QUOTA_PER_USER_BYTES,
            keep_free: KEEP_FREE_BYTES,
            log_per_song: LOG_PER_SONG_BYTES,
        }
    }

    /// Puts arguments (flags and environment) over the file that they name, over the defaults.
    ///
    /// # Errors
    /// When the file cannot be read, or half of the TLS pair is missing.
    pub fn from_args(args: ServeArgs) -> Result<Config, Failure> {
        let file = args.config.as_deref().map_or_else(|| Ok(File::default()), read_file)?;
        let defaults = Config::new(Path::new("unisono-data"));
        let tls = match (args.tls_cert.or(file.tls_cert), args.tls_key.or(file.tls_key)) {
            (Some(cert), Some(key)) => Some(Tls { cert, key }),
            (None, None) => None,
            (Some(_), None) => return Err(Failure::new("--tls-cert needs --tls-key")),
            (None, Some(_)) => return Err(Failure::new("--tls-key needs --tls-cert")),
        };
        // A browser's Origin has no slash at its end.
        let public_origin = args.public_origin.or(file.public_origin).map(|it| it.trim_end_matches('/').to_owned());
        if let Some(origin) = &public_origin
            && !(origin.starts_with("http://") || origin.starts_with("https://"))
        {
            return Err(Failure::new(format!("--public-origin: '{origin}' does not begin with http:// or https://")));
        }
        let trusted_proxies = args.trusted_proxies.or(file.trusted_proxies).unwrap_or_default();
        if trusted_proxies.len() > TRUSTED_PROXIES_MAX {
            return Err(Failure::new(format!("--trusted-proxy: at most {TRUSTED_PROXIES_MAX} networks")));
        }
        let idle_timeout = args.idle_timeout.or(file.idle_timeout).map_or(defaults.idle_timeout, Duration::from_secs);
        if idle_timeout.is_zero() || idle_timeout > HEADER_TIMEOUT_MAX {
            let max = HEADER_TIMEOUT_MAX.as_secs();
            return Err(Failure::new(format!("--idle-timeout: 1 to {max} seconds")));
        }
        Ok(Config {
            listen: args.listen.or(file.listen).unwrap_or(defaults.listen),
            data: args.data.or(file.data).unwrap_or(defaults.data),
            tls,
            demo: args.demo.or(file.demo).unwrap_or(defaults.demo),
            signup: args.signup.or(file.signup).unwrap_or(defaults.signup),
            public_origin,
            trusted_proxies,
            idle_timeout,
            quota_per_user: args.quota_per_user.or(file.quota_per_user).map_or(defaults.quota_per_user, |size| size.0),
            log_per_song: args.log_per_song.or(file.log_per_song).map_or(defaults.log_per_song, |size| size.0),
            keep_free: args.keep_free.or(file.keep_free).map_or(defaults.keep_free, |size| size.or_nothing()),
        })
    }

    /// Whether cookies may be marked as Secure: browsers reach the server over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.tls.is_some() || self.public_origin.as_deref().is_some_and(|origin| origin.starts_with("https://"))
    }
}

fn read_file(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read the configuration {}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| Failure::new(format!("the configuration {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unisono.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn it_listens_on_loopback_unless_told_otherwise() {
        assert!(Config::from_args(ServeArgs::default()).unwrap().listen.ip().is_loopback());
    }

    #[test]
    fn flags_go_over_the_file_and_the_file_over_defaults() {
        let (_folder, path) = file("listen = \"0.0.0.0:80\"\nsignup = \"closed\"\n");
        let args = ServeArgs { listen: "127.0.0.1:9".parse().ok(), config: Some(path.clone()), ..ServeArgs::default() };
        let config = Config::from_args(args).unwrap();
        assert_eq!((config.listen.port(), config.signup), (9, Signup::Closed));
        let config = Config::from_args(ServeArgs { config: Some(path), ..ServeArgs::default() }).unwrap();
        assert_eq!(config.listen.port(), 80);
        assert!(!config.demo);
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_name_and_the_reason() {
        let (_folder, path) = file("lisen = \"0.0.0.0:80\"\n");
        let failure = Config::from_args(ServeArgs { config: Some(path), ..ServeArgs::default() }).unwrap_err();
        assert!(failure.0.contains("unisono.toml") && failure.0.contains("lisen"), "{failure}");
        let absent = ServeArgs { config: Some("/nowhere/at/all.toml".into()), ..ServeArgs::default() };
        assert!(Config::from_args(absent).unwrap_err().0.contains("/nowhere/at/all.toml"));
    }

    #[test]
    fn a_public_origin_is_compared_as_browsers_write_it() {
        let of = |origin: &str| {
            Config::from_args(ServeArgs { public_origin: Some(origin.to_owned()), ..ServeArgs::default() })
        };
        let config = of("https://band.example/").unwrap();
        assert_eq!((config.public_origin.as_deref(), config.is_secure()), (Some("https://band.example"), true));
        assert!(of("band.example").unwrap_err().0.contains("--public-origin"));
    }

    #[test]
    fn trusted_proxies_are_networks() {
        let (_folder, path) = file("trusted-proxy = [\"10.0.0.0/8\", \"::1\"]\nidle-timeout = 5\n");
        let config = Config::from_args(ServeArgs { config: Some(path), ..ServeArgs::default() }).unwrap();
        assert_eq!(config.trusted_proxies, ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
        assert_eq!(config.idle_timeout, Duration::from_secs(5));
        let (_folder, path) = file("trusted-proxy = [\"10.0.0.0/99\"]\n");
        let failure = Config::from_args(ServeArgs { config: Some(path), ..ServeArgs::default() }).unwrap_err();
        assert!(failure.0.contains("10.0.0.0/99"), "{failure}");
        let many = vec!["::1".parse().unwrap(); TRUSTED_PROXIES_MAX + 1];
        assert!(Config::from_args(ServeArgs { trusted_proxies: Some(many), ..ServeArgs::default() }).is_err());
    }

    #[test]
    fn w6_the_idle_timeout_has_a_least_and_a_greatest() {
        for (seconds, fits) in [(0, false), (1, true), (HEADER_TIMEOUT_MAX.as_secs(), true), (u64::MAX, false)] {
            let (_folder, path) = file(&format!("idle-timeout = {}\n", seconds.min(i64::MAX as u64)));
            let config = Config::from_args(ServeArgs { config: Some(path), ..ServeArgs::default() });
            assert_eq!(config.is_ok(), fits, "{seconds}");
        }
    }

    #[test]
    fn w6_a_quota_is_a_size_in_words() {
        let of = |text: &str| {
            let (_folder, path) = file(&format!("quota-per-user = \"{text}\"\n"));
            Config::from_args(ServeArgs { config: Some(path), ..ServeArgs::default() })
        };
        assert_eq!(Config::from_args(ServeArgs::default()).unwrap().quota_per_user, QUOTA_PER_USER_BYTES);
        assert_eq!(of("1.5 GB").unwrap().quota_per_user, 1_500_000_000);
        assert!(of("plenty").unwrap_err().0.contains("plenty"));
    }

    #[test]
    fn w6_what_edits_leave_free_is_a_size_and_none_is_nothing() {
        let of = |size: u64| ServeArgs { keep_free: Some(ByteSize(size)), ..ServeArgs::default() };
        assert_eq!(Config::from_args(ServeArgs::default()).unwrap().keep_free, KEEP_FREE_BYTES);
        assert_eq!(Config::from_args(of(5_000)).unwrap().keep_free, 5_000);
        let none = "none".parse::<ByteSize>().unwrap();
        assert_eq!(Config::from_args(of(none.0)).unwrap().keep_free, 0);
    }

    #[test]
    fn w6_a_songs_history_may_grow_to_a_size_and_none_is_no_limit() {
        let of = |size: &str| {
            let args = ServeArgs { log_per_song: Some(size.parse().unwrap()), ..ServeArgs::default() };
            Config::from_args(args).unwrap().log_per_song
        };
        assert_eq!(Config::from_args(ServeArgs::default()).unwrap().log_per_song, LOG_PER_SONG_BYTES);
        assert_eq!((of("500 MB"), of("none")), (500_000_000, u64::MAX));
    }

    #[test]
    fn half_a_tls_pair_is_refused() {
        let args = ServeArgs { tls_cert: Some("cert.pem".into()), ..ServeArgs::default() };
        assert!(Config::from_args(args).unwrap_err().0.contains("--tls-key"));
    }
}
