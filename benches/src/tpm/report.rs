//! Both TPMs' figures beside each other, judged.

use super::Samples;
use super::samples::Figures;

/// What an operation has to reach.
#[derive(Clone, Copy)]
enum Target {
    /// At least so many times as fast as the peer, by median.
    Faster(f64),
    /// The same by mean: the search for primes has a long tail.
    FasterOnMean(f64),
    /// At most so many microseconds, whatever the peer needs.
    Within(f64),
    /// At most 1.05 times the peer's median, or 3 microseconds more.
    NoSlower,
}

const TARGETS: [(&str, Target); 9] = [
    (
        "CreatePrimary RSA-2048 (same template)",
        Target::Within(100.0),
    ),
    (
        "CreatePrimary RSA-2048 (fresh unique)",
        Target::FasterOnMean(0.7),
    ),
    ("Create RSA-2048 signing key", Target::FasterOnMean(4.0)),
    ("Create RSA-3072 signing key", Target::FasterOnMean(1.0)),
    ("Sign ECDSA P-256", Target::Faster(3.0)),
    ("VerifySignature ECDSA P-256", Target::Faster(1.5)),
    ("Quote ECDSA P-256 (3 PCRs)", Target::Faster(3.0)),
    ("Sign RSASSA-2048", Target::Faster(1.5)),
    ("RSA_Decrypt OAEP-2048", Target::Faster(1.5)),
];

/// What stands instead for a build whose points and powers are AWS-LC's.
const WITH_AWS_LC: [(&str, Target); 5] = [
    ("Sign ECDSA P-256", Target::Faster(5.0)),
    ("VerifySignature ECDSA P-256", Target::Faster(3.0)),
    ("Quote ECDSA P-256 (3 PCRs)", Target::Faster(5.0)),
    ("Sign RSASSA-2048", Target::Faster(5.0)),
    ("RSA_Decrypt OAEP-2048", Target::Faster(5.0)),
];

/// Which build of ours is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// All of it in Rust.
    Rust,
    /// With the feature `aws-lc`.
    AwsLc,
}

impl Build {
    fn target(self, operation: &str) -> Target {
        let instead: &[_] = match self {
            Self::Rust => &[],
            Self::AwsLc => &WITH_AWS_LC,
        };
        let known = instead.iter().chain(&TARGETS);
        let mut known = known.filter(|(name, _)| *name == operation);
        known.next().map_or(Target::NoSlower, |(_, target)| *target)
    }
}

/// One operation, judged.
pub struct Judged {
    /// Its name.
    pub operation: &'static str,
    /// The peer's figures.
    pub peer: Figures,
    /// Ours.
    pub ours: Figures,
    /// The peer's time over ours, by what is judged.
    pub ratio: f64,
    /// What was asked, in words.
    pub target: String,
    /// Whether it holds.
    pub met: bool,
}

/// One more figure about both TPMs, where there is no distribution to tell of.
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// Of what there are so many.
    pub unit: &'static str,
    /// The peer's, if it has one.
    pub peer: Option<f64>,
    /// Ours.
    pub ours: f64,
    /// The most it may be, and why, if something was asked.
    pub target: Option<(f64, String)>,
}

impl Figure {
    /// Whether it is no more than it may be.
    pub fn is_met(&self) -> bool {
        self.target
            .as_ref()
            .is_none_or(|(most, _)| self.ours <= *most)
    }
}

/// Judges every operation that both have.
pub fn judge(peer: &Samples, ours: &Samples, build: Build) -> Vec<Judged> {
    peer.operations()
        .iter()
        .filter_map(|operation| {
            one(
                operation,
                build.target(operation),
                peer.figures(operation)?,
                ours.figures(operation)?,
            )
        })
        .collect()
}

fn one(operation: &'static str, target: Target, peer: Figures, ours: Figures) -> Option<Judged> {
    let (ratio, met, words) = match target {
        Target::Faster(times) => {
            let ratio = peer.median / ours.median;
            (ratio, ratio >= times, format!(">= {times} x"))
        }
        Target::FasterOnMean(times) => {
            let ratio = peer.mean / ours.mean;
            (ratio, ratio >= times, format!(">= {times} x (mean)"))
        }
        Target::Within(most) => (
            peer.median / ours.median,
            ours.median <= most,
            format!("<= {most} us"),
        ),
        Target::NoSlower => {
            let met = ours.median <= peer.median * 1.05 || ours.median <= peer.median + 3.0;
            (
                peer.median / ours.median,
                met,
                "<= 1.05 x, or + 3 us".to_owned(),
            )
        }
    };
    Some(Judged {
        operation,
        peer,
        ours,
        ratio,
        target: words,
        met,
    })
}

/// The table of the operations, in microseconds, the other figures, and how many targets are met.
pub fn table(rows: &[Judged], figures: &[Figure]) -> String {
    let mut text = format!(
        "{:<38} {:>6} | {:>9} {:>9} {:>9} | {:>9} {:>9} {:>9} {:>9} | {:>6}  {}\n",
        "microseconds",
        "n",
        "swtpm",
        "mean",
        "p95",
        "ours",
        "mean",
        "p95",
        "p99",
        "ratio",
        "target"
    );
    for row in rows {
        let (peer, ours) = (row.peer, row.ours);
        text += &format!(
            "{:<38} {:>6} | {:>9.1} {:>9.1} {:>9.1} | {:>9.1} {:>9.1} {:>9.1} {:>9.1} | {:>6.2}  {}{}\n",
            row.operation,
            ours.count,
            peer.median,
            peer.mean,
            peer.p95,
            ours.median,
            ours.mean,
            ours.p95,
            ours.p99,
            row.ratio,
            row.target,
            verdict(row.met),
        );
    }
    text.push('\n');
    for figure in figures {
        let peer = figure
            .peer
            .map_or(String::new(), |peer| format!("swtpm {peer:.1}, "));
        let target = match &figure.target {
            Some((most, why)) => format!("  {why} = {most:.1}{}", verdict(figure.is_met())),
            None => String::new(),
        };
        text += &format!(
            "{:<38} {:<4} {peer}ours {:.1}{target}\n",
            figure.name, figure.unit, figure.ours
        );
    }
    let judged = figures.iter().filter(|figure| figure.target.is_some());
    let met = rows.iter().filter(|row| row.met).count()
        + judged.clone().filter(|figure| figure.is_met()).count();
    text += &format!("{met} of {} targets met\n", rows.len() + judged.count());
    text
}

fn verdict(met: bool) -> &'static str {
    match met {
        true => "  met",
        false => "  MISSED",
    }
}

/// The same as JSON.
///
/// # Errors
/// The encoder's.
pub fn json(rows: &[Judged], figures: &[Figure]) -> serde_json::Result<String> {
    let mut list: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "name": row.operation, "unit": "us", "runs": row.ours.count,
                "peer": "swtpm", "peer_median": row.peer.median, "peer_mean": row.peer.mean,
                "peer_p95": row.peer.p95, "peer_p99": row.peer.p99,
                "median": row.ours.median, "mean": row.ours.mean, "p95": row.ours.p95, "p99": row.ours.p99,
                "ratio": row.ratio, "target": row.target, "met": row.met,
            })
        })
        .collect();
    list.extend(figures.iter().map(|figure| {
        serde_json::json!({
            "name": figure.name, "unit": figure.unit, "peer": "swtpm", "peer_value": figure.peer,
            "value": figure.ours, "target": figure.target.as_ref().map(|(_, why)| why),
            "most": figure.target.as_ref().map(|(most, _)| most), "met": figure.is_met(),
        })
    }));
    serde_json::to_string_pretty(&list)
}
