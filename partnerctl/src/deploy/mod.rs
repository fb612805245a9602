//! Deploys: releases on the disk (`release`), shared funnels by version (`funnels`), partners' own files (`own`), what a deploy changes for whom
//! (`plan`), who may deploy (`lock`), and doing it, partner by partner, with a way back (`carry`).

pub mod carry;
pub mod funnels;
pub mod lock;
pub mod own;
pub mod plan;
pub mod release;
