//! Places for boxes: layers from the first step down, ordered so that arrows cross little. PURE.

use super::Picture;

/// Where a node stands: its layer and its place in it. Long arrows pass through places of their own.
pub(super) struct Layout {
    /// Nodes first, then one stand-in for each layer an arrow passes through.
    pub places: Vec<Place>,
    pub layers: Vec<Vec<usize>>,
    /// For each edge the stand-ins it passes, from above to below; empty for edges that go up.
    pub bends: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub layer: usize,
    pub is_node: bool,
}

pub(super) fn layout(picture: &Picture) -> Layout {
    let depth = depths(picture);
    let mut places: Vec<Place> = depth
        .iter()
        .map(|layer| Place {
            layer: *layer,
            is_node: true,
        })
        .collect();
    let mut bends = Vec::new();
    for edge in &picture.edges {
        let (top, bottom) = (depth[edge.from], depth[edge.to]);
        let mut passed = Vec::new();
        for layer in top + 1..bottom {
            passed.push(places.len());
            places.push(Place {
                layer,
                is_node: false,
            });
        }
        bends.push(passed);
    }
    let count = places
        .iter()
        .map(|place| place.layer + 1)
        .max()
        .unwrap_or(0);
    let mut layers = vec![Vec::new(); count];
    for (at, place) in places.iter().enumerate() {
        layers[place.layer].push(at);
    }
    let mut layout = Layout {
        places,
        layers,
        bends,
    };
    order(&mut layout, picture);
    layout
}

/// The longest way down from the first step, arrows back up left out.
fn depths(picture: &Picture) -> Vec<usize> {
    let count = picture.nodes.len();
    let down = forward_edges(picture);
    let mut depth = vec![0; count];
    for _ in 0..count {
        for (from, to) in &down {
            depth[*to] = depth[*to].max(depth[*from] + 1);
        }
    }
    depth
}

/// Edges that are not part of a way back to a step above, found by walking from the first step.
fn forward_edges(picture: &Picture) -> Vec<(usize, usize)> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; picture.nodes.len()];
    let mut forward = Vec::new();
    for root in 0..picture.nodes.len() {
        if state[root] != State::New {
            continue;
        }
        state[root] = State::Open;
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let edge = picture
                .edges
                .iter()
                .filter(|edge| edge.from == *node)
                .nth(*next);
            *next += 1;
            let node = *node;
            match edge {
                None => {
                    state[node] = State::Done;
                    path.pop();
                }
                Some(edge) if state[edge.to] == State::Open => {}
                Some(edge) => {
                    forward.push((edge.from, edge.to));
                    if state[edge.to] == State::New {
                        state[edge.to] = State::Open;
                        path.push((edge.to, 0));
                    }
                }
            }
        }
    }
    forward
}

/// Sorts each layer by the middle of its neighbours, down and up a few times.
fn order(layout: &mut Layout, picture: &Picture) {
    let mut links: Vec<(usize, usize)> = Vec::new();
    for (edge, bends) in picture.edges.iter().zip(&layout.bends) {
        let mut way = vec![edge.from];
        way.extend(bends);
        way.push(edge.to);
        links.extend(way.windows(2).map(|two| (two[0], two[1])));
    }
    for round in 0..8 {
        let down = round % 2 == 0;
        let count = layout.layers.len();
        for step in 1..count {
            let layer = if down { step } else { count - 1 - step };
            let near = if down { layer - 1 } else { layer + 1 };
            let position = positions(layout);
            let middle = |at: usize| {
                let near_ones =
                    links
                        .iter()
                        .filter_map(|(from, to)| match (*from == at, *to == at) {
                            (true, _) => Some(*to),
                            (_, true) => Some(*from),
                            _ => None,
                        });
                let near_ones: Vec<usize> = near_ones
                    .filter(|other| layout.places[*other].layer == near)
                    .map(|other| position[other])
                    .collect();
                if near_ones.is_empty() {
                    position[at] as f64
                } else {
                    near_ones.iter().sum::<usize>() as f64 / near_ones.len() as f64
                }
            };
            let mut sorted: Vec<(f64, usize)> = layout.layers[layer]
                .iter()
                .map(|at| (middle(*at), *at))
                .collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            layout.layers[layer] = sorted.into_iter().map(|(_, at)| at).collect();
        }
    }
}

fn positions(layout: &Layout) -> Vec<usize> {
    let mut position = vec![0; layout.places.len()];
    for layer in &layout.layers {
        for (at, node) in layer.iter().enumerate() {
            position[*node] = at;
        }
    }
    position
}
