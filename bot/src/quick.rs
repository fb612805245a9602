//! Maps with a quick hash, for keys nobody outside can choose: numbers that Telegram or the bot gave, ids of funnel files.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

pub type QuickMap<K, V> = HashMap<K, V, RandomState>;
pub type QuickSet<K> = HashSet<K, RandomState>;
