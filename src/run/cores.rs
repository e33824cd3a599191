//! How much processor this process may really use: its affinity, and the quota of its control group,
//! fractions kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Cores that worker threads are started for.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

/// What this process may use at once: as many cores as its affinity allows, at most what the quotas
/// of its control group and of all groups above it give. Held to a tenth of a core it has 0.1. Where
/// the system does not say, as many as the standard library finds.
#[derive(Debug)]
pub struct Allowance {
    cores: f64,
    limit: Option<Limit>,
}

impl Allowance {
    /// That of this process, now.
    pub fn of_process() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = f64::from(allowed(&status).unwrap_or_else(cores));
        let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let limits = groups(&cgroup, &mounts).into_iter().filter_map(Group::limit);
        let limit = limits.min_by(|a, b| a.cores().total_cmp(&b.cores()));
        let limit = limit.filter(|limit| limit.cores() < allowed);
        Self { cores: limit.as_ref().map_or(allowed, Limit::cores), limit }
    }

    /// How many cores, fractions kept.
    pub const fn cores(&self) -> f64 {
        self.cores
    }

    /// For how long the quota was used up so far: the periods of the group in which it was, whoever
    /// in the group used it. What is used up is not there for this process either.
    pub fn used_up(&self) -> Duration {
        let Some(limit) = &self.limit else { return Duration::ZERO };
        let text = fs::read_to_string(limit.folder.join("cpu.stat")).unwrap_or_default();
        let periods = throttled(&text).and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        limit.period.saturating_mul(periods)
    }
}

/// `nr_throttled` in `cpu.stat` of both versions.
fn throttled(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("nr_throttled "))?.trim().parse().ok()
}

/// Set bits of `Cpus_allowed` in `/proc/self/status`: hexadecimal words divided by commas.
fn allowed(status: &str) -> Option<u32> {
    let mask = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed:"))?.trim();
    let words = mask.split(',').map(|word| u32::from_str_radix(word, 16).ok());
    let bits: Option<u32> = words.map(|word| word.map(u32::count_ones)).sum();
    bits.filter(|bits| *bits > 0)
}

/// A control group that may have a quota, by its folder and the version of its files.
#[derive(Debug, Eq, PartialEq)]
struct Group {
    folder: PathBuf,
    unified: bool,
}

/// A group's quota of each of its periods.
#[derive(Debug)]
struct Limit {
    folder: PathBuf,
    quota: Duration,
    period: Duration,
}

impl Limit {
    fn cores(&self) -> f64 {
        self.quota.div_duration_f64(self.period)
    }
}

impl Group {
    fn limit(self) -> Option<Limit> {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).ok();
        let (quota, period) = if self.unified {
            quota_of_two(&read("cpu.max")?)?
        } else {
            quota_of_one(&read("cpu.cfs_quota_us")?, &read("cpu.cfs_period_us")?)?
        };
        Some(Limit { folder: self.folder, quota, period })
    }
}

/// Version 2: `cpu.max` holds quota (or `max`) and period, in microseconds.
fn quota_of_two(text: &str) -> Option<(Duration, Duration)> {
    let (quota, period) = text.trim().split_once(' ')?;
    quota_of_one(quota, period)
}

/// Version 1: `cpu.cfs_quota_us` (-1 for none) and `cpu.cfs_period_us`.
fn quota_of_one(quota: &str, period: &str) -> Option<(Duration, Duration)> {
    let us = |text: &str| text.trim().parse().ok().filter(|us| *us > 0).map(Duration::from_micros);
    Some((us(quota)?, us(period)?))
}

/// The folders of the groups that limit this process, its own and those above it, from
/// `/proc/self/cgroup` (cgroups(7)) and `/proc/self/mountinfo` (proc(5)).
fn groups(cgroup: &str, mounts: &str) -> Vec<Group> {
    let mut groups = Vec::new();
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let unified = controllers.is_empty();
        if !unified && !controllers.split(',').any(|controller| controller == "cpu") {
            continue;
        }
        for mount in mounts.lines().filter_map(Mount::read).filter(|m| m.has_cpu(unified)) {
            // Inside a container the path may be that of the host, or the mount a part of it.
            let below = Path::new(path).strip_prefix(mount.root).unwrap_or(Path::new(""));
            let below = below.strip_prefix("/").unwrap_or(below);
            let folders = below.ancestors().map(|part| Path::new(mount.point).join(part));
            groups.extend(folders.map(|folder| Group { folder, unified }));
        }
    }
    groups
}

/// One mount of a hierarchy of control groups.
struct Mount<'m> {
    root: &'m str,
    point: &'m str,
    kind: &'m str,
    options: &'m str,
}

impl<'m> Mount<'m> {
    fn read(line: &'m str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        let mut system = system.split(' ');
        let (kind, options) = (system.next()?, system.nth(1)?);
        Some(Self { root, point, kind, options })
    }

    fn has_cpu(&self, unified: bool) -> bool {
        if unified {
            self.kind == "cgroup2"
        } else {
            self.kind == "cgroup" && self.options.split(',').any(|option| option == "cpu")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinity_is_the_bits_of_the_mask() {
        for (status, cores) in [
            ("Name:\tx\nCpus_allowed:\tff,ffffffff\nCpus_allowed_list:\t0-39\n", Some(40)),
            ("Cpus_allowed:\t5\n", Some(2)),
            ("Cpus_allowed:\t0\n", None),
            ("Cpus_allowed:\tx\n", None),
            ("", None),
        ] {
            assert_eq!(allowed(status), cores, "{status}");
        }
    }

    #[test]
    fn quotas_keep_their_fractions() {
        let cores = |quota: Option<(Duration, Duration)>| {
            let limit = |(quota, period)| Limit { folder: PathBuf::new(), quota, period };
            quota.map(|quota| limit(quota).cores())
        };
        assert_eq!(cores(quota_of_two("10000 100000\n")), Some(0.1));
        assert_eq!(cores(quota_of_two("max 100000\n")), None);
        assert_eq!(cores(quota_of_one("-1\n", "100000\n")), None);
        assert_eq!(cores(quota_of_one("150000\n", "100000\n")), Some(1.5));
        assert_eq!(cores(quota_of_one("", "100000\n")), None);
    }

    #[test]
    fn periods_in_which_the_quota_was_used_up_are_read_from_both_versions() {
        for (text, number) in [
            ("nr_periods 81\nnr_throttled 78\nthrottled_time 5764788925\n", Some(78)),
            ("usage_usec 5\nnr_periods 9\nnr_throttled 0\nthrottled_usec 0\n", Some(0)),
            ("", None),
        ] {
            assert_eq!(throttled(text), number, "{text}");
        }
        let free = Allowance { cores: 2.0, limit: None };
        assert_eq!((free.cores(), free.used_up()), (2.0, Duration::ZERO));
    }

    #[test]
    fn the_groups_above_limit_too_and_those_of_other_controllers_do_not() {
        let folders = |cgroup: &str, mounts: &str| -> Vec<_> {
            let groups = groups(cgroup, mounts).into_iter();
            groups.map(|group| group.folder.display().to_string()).collect()
        };
        let two = "35 30 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(
            folders("0::/user.slice/run-1.scope\n", two),
            [
                "/sys/fs/cgroup/user.slice/run-1.scope",
                "/sys/fs/cgroup/user.slice",
                "/sys/fs/cgroup/"
            ]
        );
        let one = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                   34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset";
        assert_eq!(
            folders("3:cpuset:/a\n2:cpu,cpuacct:/b\n", one),
            ["/sys/fs/cgroup/cpu,cpuacct/b", "/sys/fs/cgroup/cpu,cpuacct/"]
        );
        // A container without a namespace of its own: the path is the host's, and so is the root.
        let own = "32 31 0:29 /docker/ab /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu";
        assert_eq!(folders("2:cpu:/docker/ab\n", own), ["/sys/fs/cgroup/cpu/"]);
        assert_eq!(folders("nothing", "nothing"), [""; 0]);
    }

    #[test]
    fn there_are_never_more_cores_than_the_affinity_allows() {
        let available = Allowance::of_process().cores();
        assert!(available > 0.0 && available <= f64::from(cores()).max(1.0) * 1024.0);
    }
}
