//! Drives both programs as their users do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use tests::support;

mod alerts;
mod ask;
mod backup;
mod bulletin;
mod check;
mod config_live;
mod copies;
mod create;
mod create_by_link;
mod demo;
mod demo_browser;
mod demo_page;
mod demo_partner;
mod deploy_box;
mod deploy_funnels;
mod edit_plan;
mod erasure;
mod fleet_box;
mod fleet_cli;
mod fleet_metrics;
mod funnels;
mod house;
mod in_touch;
mod lanes;
mod language;
mod move_ssh;
mod proof_canary;
mod proof_clock;
mod proof_cut;
mod proof_disk;
mod proof_faults;
mod proof_flood;
mod proof_fuzz;
mod proof_kill;
mod proof_leap;
mod proof_poison;
mod proof_power;
mod proof_storm;
mod proof_syscalls;
mod run_here;
mod runtime_answers;
mod runtime_in;
mod runtime_out;
mod runtime_panel;
mod runtime_start;
mod sandbox;
mod sandbox_control;
mod sandbox_faults;
mod sandbox_media;
mod sandbox_schema;
mod sandbox_teloxide;
mod sandbox_texts;
