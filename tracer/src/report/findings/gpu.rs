//! GPUs held and not used.

use super::{Context, Finding};
use crate::report::rows::{GpuFailureRow, GpuRow};

/// Seconds held idle, and share of the time held, before it is worth a word.
const IDLE_S: f64 = 3600.0;
const IDLE_SHARE: f64 = 0.5;
/// Dollars an hour of a data-centre GPU, at the low end of public cloud prices.
const GPU_HOUR_USD: f64 = 2.0;

fn is_idle(row: &GpuRow) -> Option<f64> {
    row.held_idle_s.filter(|idle| *idle >= IDLE_S && *idle >= IDLE_SHARE * row.window_s)
}

pub(super) fn report(
    context: &Context<'_>,
    gpus: &[GpuRow],
    failures: &[GpuFailureRow],
    out: &mut Vec<Finding>,
) {
    for row in gpus {
        let Some(idle) = is_idle(row) else { continue };
        let hours = idle / 3600.0;
        out.push(Finding {
            kind: "gpu_held_idle",
            subject: context.label(row.who),
            title: format!("GPU {} is held idle", row.name.as_deref().unwrap_or(&row.gpu)),
            evidence: format!(
                "held for {:.1} h, idle for {hours:.1} h of it, with up to {} MiB",
                row.window_s / 3600.0,
                row.memory_peak >> 20
            ),
            count: hours.round() as u64,
            usd_month: context.month(hours * GPU_HOUR_USD),
            advice: "Release the memory when idle, or share the GPU (MIG, time slicing, a queue in front).",
        });
    }
    for failure in failures.iter().filter(|failure| failure.class == "out_of_memory") {
        let holders: Vec<String> = gpus
            .iter()
            .filter(|row| row.gpu == failure.gpu && row.who != failure.who)
            .filter(|row| row.memory_peak > 0 && is_idle(row).is_some())
            .map(|row| context.label(row.who))
            .collect();
        if holders.is_empty() {
            continue;
        }
        out.push(Finding {
            kind: "gpu_oom_beside_idle",
            subject: context.label(failure.who),
            title: "Out of GPU memory while others hold it idle".to_owned(),
            evidence: format!(
                "{} allocations failed on {}; idle memory there is held by {}",
                failure.failures,
                failure.gpu,
                holders.join(", ")
            ),
            count: failure.failures,
            usd_month: None,
            advice: "Free the idle holder's memory, or place the two on different GPUs.",
        });
    }
}
