//! Memory, descriptors and threads of the gates over time.

use crate::scene::Scene;

/// Memory that a gate may take more in the last third than in the first: a tenth of what it has, and what an allocator
/// keeps.
const MORE_MEMORY: f64 = 1.10;
const ROOM_MB: f64 = 8.0;
/// Descriptors are connections of whoever is there at the moment.
const MORE_FILES: f64 = 32.0;
const MORE_THREADS: f64 = 2.0;

#[derive(Clone, Copy)]
struct Look {
    memory_mb: f64,
    files: f64,
    threads: f64,
}

/// One line of looks for each gate.
#[derive(Default)]
pub struct Figures {
    gates: [Vec<Look>; 2],
    redis_mb: Vec<f64>,
}

impl Figures {
    pub async fn look(&mut self, scene: &Scene) {
        for (gate, looks) in scene.gates.iter().zip(&mut self.gates) {
            let id = gate.program.id();
            let log = gate.program.log();
            // The gate's own words, and the standard library's for a panic before the log is there.
            if let Some(line) = log
                .lines()
                .find(|line| line.contains("a panic: please report it") || line.contains("panicked"))
            {
                scene.tally.wrong("panics", line);
            }
            let count = |what: &str| {
                std::fs::read_dir(format!("/proc/{id}/{what}")).map_or(0, Iterator::count) as f64
            };
            looks.push(Look {
                memory_mb: gate.program.resident_mb(),
                files: count("fd"),
                threads: count("task"),
            });
        }
        self.redis_mb.extend(scene.redis.lock().await.resident_mb());
    }

    /// One line.
    pub fn now(&self) -> String {
        let gates = self.gates.iter().filter_map(|looks| looks.last());
        let each = gates
            .map(|look| format!("{:.1} MB, {} files, {} threads", look.memory_mb, look.files, look.threads));
        format!(
            "{}; Redis {:.1} MB",
            each.collect::<Vec<_>>().join("; "),
            self.redis_mb.last().copied().unwrap_or_default()
        )
    }

    /// Of the first and the last third: mean memory, most files, most threads.
    fn thirds(looks: &[Look]) -> [Look; 2] {
        let third = (looks.len() / 3).max(1);
        let of = |looks: &[Look]| Look {
            memory_mb: looks.iter().map(|look| look.memory_mb).sum::<f64>() / looks.len() as f64,
            files: looks.iter().map(|look| look.files).fold(0.0, f64::max),
            threads: looks.iter().map(|look| look.threads).fold(0.0, f64::max),
        };
        [of(&looks[..third]), of(&looks[looks.len() - third..])]
    }

    pub fn summary(&self) -> String {
        let line = |looks: &Vec<Look>| {
            let [first, last] = Self::thirds(looks);
            format!(
                "memory {:.1} → {:.1} MB (mean of the first and the last third after the warm-up; at most × {MORE_MEMORY} + \
                 {ROOM_MB} MB), files {} → {}, threads {} → {} (the most of each)",
                first.memory_mb, last.memory_mb, first.files, last.files, first.threads, last.threads
            )
        };
        self.gates.iter().filter(|looks| !looks.is_empty()).map(line).collect::<Vec<_>>().join("\n")
    }

    pub fn judge(&self) {
        for looks in &self.gates {
            let [first, last] = Self::thirds(looks);
            assert!(
                last.memory_mb <= first.memory_mb * MORE_MEMORY + ROOM_MB,
                "memory grew: {}",
                self.summary()
            );
            assert!(last.files <= first.files + MORE_FILES, "descriptors grew: {}", self.summary());
            assert!(last.threads <= first.threads + MORE_THREADS, "threads grew: {}", self.summary());
        }
    }
}
