//! Tries input after input, and keeps the one that breaks a rule.

use crate::{
    mutate::Mutator,
    targets::{Growing, LONGEST, Target},
};
use app::action::challenge::sha256;
use data_encoding::HEXLOWER;
use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How many inputs are tried when nobody says how long.
const ROUNDS: u64 = 10_000;
/// What takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many inputs that were accepted are changed further.
const KEPT: usize = 400;
/// Longer ones aren't.
const LONGEST_KEPT: usize = 8 * 1024;

/// So many bytes of what breaks a rule are printed.
const SHOWN: usize = 4 * 1024;

/// How long, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub rounds: u64,
    pub seconds: Option<u64>,
}

impl Plan {
    /// What the environment says.
    pub fn from_environment() -> Self {
        let number = |name: &str| env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")));
        let seconds = number("COUNTERSIGN_FUZZ_SECONDS");
        let by_chance = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let seed = number("COUNTERSIGN_FUZZ_SEED").unwrap_or_else(|| if seconds.is_some() { by_chance() } else { 1 });
        Self { seed, rounds: ROUNDS, seconds }
    }
}

/// What was tried.
#[derive(Debug)]
pub struct Figures {
    name: &'static str,
    seed: u64,
    tried: u64,
    accepted: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: seed {}: {} inputs, {} of them accepted", self.name, self.seed, self.tried, self.accepted)
    }
}

/// An input that breaks a rule, kept in a file.
#[derive(Debug)]
pub struct Broken {
    pub input: Vec<u8>,
    pub file: PathBuf,
    pub how: &'static str,
}

/// Tries a format with its committed seeds.
///
/// # Panics
/// When a rule is broken; then it says by which input.
pub fn run(target: &'static Target, plan: &Plan) -> Figures {
    println!("{}: seed {}", target.name, plan.seed);
    match try_all(target, &seeds(target.name), plan) {
        Ok(figures) => figures,
        Err(Broken { input, file, how }) => {
            let (length, file) = (input.len(), file.display());
            let shown = &input[..length.min(SHOWN)];
            let (hex, text) = (HEXLOWER.encode(shown), shown.escape_ascii());
            panic!("{}: seed {}: {how}. The input, {length} bytes, is in {file}:\n{hex}\n{text}", target.name, plan.seed)
        }
    }
}

/// The committed seeds of a format, with their files' names.
pub fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |file: PathBuf| (file.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&file).unwrap());
    let mut seeds: Vec<_> = files.map(|file| read(file.unwrap().path())).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{}", folder.display());
    seeds
}

/// The input that is tried now, and since when.
type Current = Arc<Mutex<(Vec<u8>, Instant)>>;

/// Tries every seed, what grows, and what comes of the seeds by chance; elsewhere than here, so that it may panic or hang.
///
/// # Errors
/// The input that breaks a rule.
pub fn try_all(target: &'static Target, seeds: &[(String, Vec<u8>)], plan: &Plan) -> Result<Figures, Broken> {
    let current: Current = Arc::new(Mutex::new((Vec::new(), Instant::now())));
    let (done, end) = channel();
    let (seeds, plan, watched) = (seeds.to_vec(), *plan, Arc::clone(&current));
    thread::spawn(move || {
        let check = |input: &[u8]| {
            *watched.lock().unwrap() = (input.to_vec(), Instant::now());
            (target.check)(input)
        };
        // Nobody listens any more when it took too long.
        let _ = done.send(try_on(target, &seeds, &plan, check));
    });
    let how = loop {
        match end.recv_timeout(Duration::from_millis(200)) {
            Ok(figures) => return Ok(figures),
            Err(RecvTimeoutError::Disconnected) => break "a rule is broken, see above",
            Err(RecvTimeoutError::Timeout) if current.lock().unwrap().1.elapsed() > PATIENCE => break "it hangs",
            Err(RecvTimeoutError::Timeout) => {}
        }
    };
    let input = current.lock().unwrap().0.clone();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(target.name);
    let file = folder.join(&HEXLOWER.encode(&sha256(&input))[..16]);
    fs::create_dir_all(folder).unwrap();
    fs::write(&file, &input).unwrap();
    Err(Broken { input, file, how })
}

fn try_on(target: &Target, seeds: &[(String, Vec<u8>)], plan: &Plan, check: impl Fn(&[u8]) -> bool) -> Figures {
    let begun = Instant::now();
    for (name, seed) in seeds {
        let verdict = if check(seed) { "accepted" } else { "refused" };
        assert!(name.starts_with(verdict), "{name} was {verdict}");
    }
    for growing in (target.growing)() {
        check(&growing.to(LONGEST));
        assert!(!grows_too_fast(target, &growing, LONGEST), "the work grows faster than its input");
    }
    let mut figures = Figures { name: target.name, seed: plan.seed, tried: 0, accepted: 0 };
    let mut mutator = Mutator::new(plan.seed, target.words);
    let mut pool: Vec<Vec<u8>> = seeds.iter().map(|(_, seed)| seed.clone()).collect();
    let committed = pool.len();
    let goes_on = |tried| plan.seconds.map_or(tried < plan.rounds, |seconds| begun.elapsed().as_secs() < seconds);
    while goes_on(figures.tried) {
        let input = mutator.next_of(&pool, LONGEST);
        figures.tried += 1;
        if check(&input) {
            figures.accepted += 1;
            if input.len() <= LONGEST_KEPT {
                if pool.len() == committed + KEPT {
                    pool.swap_remove(committed + mutator.below(KEPT));
                }
                pool.push(input);
            }
        }
    }
    figures
}

/// Whether four times the input is much more than four times the work, for work that takes long enough to tell.
pub fn grows_too_fast(target: &Target, growing: &Growing, length: usize) -> bool {
    const TRIES: u32 = 3;
    const NOTICEABLE: Duration = Duration::from_millis(150);
    let work = |input: &[u8]| {
        let begun = worked();
        (target.check)(input);
        worked().saturating_sub(begun)
    };
    let (whole, quarter) = (growing.to(length), growing.to(length / 4));
    if work(&whole) <= NOTICEABLE {
        return false;
    }
    // In turns: what slows this machine down for a while meets both.
    let (mut long, mut short) = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIES {
        (long, short) = (long.min(work(&whole)), short.min(work(&quarter)));
    }
    long > 9 * short
}

/// How long the processor has worked for this thread, as Linux counts; other programs don't matter then. Elsewhere, the time.
fn worked() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let counted = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let counted = counted.and_then(|counts| counts.split(' ').next()?.parse().ok().map(Duration::from_nanos));
    counted.unwrap_or_else(|| BEGUN.elapsed())
}
