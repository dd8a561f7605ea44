//! How far a scan is, for whoever waits for it.

#![allow(clippy::disallowed_methods, reason = "progress for people is shown at a pace")]

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::{color, talk};

/// Progress, once it takes longer than two seconds. Without a terminal a line every ten seconds.
pub(in crate::cli) struct Bar {
    begun: Instant,
    said: Instant,
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(in crate::cli) fn new() -> Bar {
        Bar { begun: Instant::now(), said: Instant::now(), bar: None }
    }

    pub(in crate::cli) fn show(&mut self, done: u64, total: u64) {
        let elapsed = self.begun.elapsed();
        if elapsed < Duration::from_secs(2) {
            return;
        }
        if !std::io::stderr().is_terminal() {
            if self.said.elapsed() >= Duration::from_secs(10) {
                self.said = Instant::now();
                let rate = (done / elapsed.as_secs().max(1)).max(1);
                talk::say(format!(
                    "read {} of {} MiB, {} MiB/s, about {} s remaining",
                    done >> 20,
                    total >> 20,
                    rate >> 20,
                    total.saturating_sub(done) / rate
                ));
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let bar_only = if color::on_stderr() { "{bar:30.cyan}" } else { "{bar:30}" };
            let form = "{bytes} of {total_bytes}, {bytes_per_sec}, {eta} remaining";
            bar.set_style(
                ProgressStyle::with_template(&format!("{bar_only} {form}"))
                    .expect("the template is fixed and valid"),
            );
            bar.with_elapsed(elapsed)
        });
        bar.set_position(done);
    }

    pub(in crate::cli) fn end(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
