//! The segments of all patterns and prefixes as one tree. Pure.
//!
//! ```text
//! /hello/{name}   /hello/world   /files/{*rest}, a mount at /files
//!
//! root -- "files" (mount) -- rest: endpoint
//!     `-- "hello" -- "world": endpoint
//!                `-- any: endpoint
//! ```
//! Handlers are found by walking depth first, at each node the literal child before `any` before `rest`: so the order of
//! visits is the order of precedence. A path reaches each node in one way only, so a walk visits no node twice and is
//! bounded by the patterns, whatever the path. Mounts are found by walking the literal children alone: the deepest node with
//! mounts has the longest prefix, and `outer` leads to the next shorter one.
#![forbid(unsafe_code)]

use super::PARAMS_MAX;
use super::pattern::Segment;
use std::ops::ControlFlow;

/// A node, by its place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(u32);

const ROOT: NodeId = NodeId(0);

#[derive(Debug, Default)]
struct Node {
    /// Sorted by length, then bytes: most comparisons end at the length.
    literals: Vec<(Box<str>, NodeId)>,
    any: Option<NodeId>,
    rest: Option<NodeId>,
    /// Numbers of the handlers whose pattern ends here.
    routes: Vec<u16>,
    /// Numbers of the mounts whose prefix ends here, in the order in which they were added.
    mounts: Vec<u16>,
    /// The nearest node above that has mounts.
    outer: Option<NodeId>,
}

/// The parts of a path that names took, in the order of the names.
#[derive(Debug)]
pub(super) struct Params<'p> {
    values: [&'p str; PARAMS_MAX],
    count: usize,
}

impl<'p> Params<'p> {
    pub(super) fn new() -> Params<'p> {
        Params { values: [""; PARAMS_MAX], count: 0 }
    }

    pub(super) fn as_slice(&self) -> &[&'p str] {
        &self.values[..self.count]
    }

    /// Goes on with one more value, and forgets it if nothing was found that way.
    fn with(&mut self, value: &'p str, go_on: impl FnOnce(&mut Params<'p>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.values[self.count] = value;
        self.count += 1;
        go_on(self)?;
        self.count -= 1;
        ControlFlow::Continue(())
    }
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    pub(super) fn new() -> Tree {
        Tree { nodes: vec![Node::default()] }
    }

    /// The numbers of the handlers whose pattern has this shape: the same but for names.
    pub(super) fn routes_mut(&mut self, pattern: &[Segment<'_>]) -> &mut Vec<u16> {
        let node = self.add(pattern);
        &mut self.node_mut(node).routes
    }

    /// Adds a mount; an empty prefix is the root.
    pub(super) fn add_mount(&mut self, prefix: &str, number: u16) {
        let segments: Vec<Segment<'_>> = prefix.split('/').skip(1).map(Segment::Literal).collect();
        let node = self.add(&segments);
        self.node_mut(node).mounts.push(number);
        self.link();
    }

    fn add(&mut self, segments: &[Segment<'_>]) -> NodeId {
        let mut node = ROOT;
        for segment in segments {
            let fresh = NodeId(self.nodes.len() as u32);
            let next = match segment {
                Segment::Name(_) => *self.node_mut(node).any.get_or_insert(fresh),
                Segment::Rest(_) => *self.node_mut(node).rest.get_or_insert(fresh),
                Segment::Literal(text) => match self.literal(node, text) {
                    Ok(child) => child,
                    Err(place) => {
                        self.node_mut(node).literals.insert(place, (Box::from(*text), fresh));
                        fresh
                    }
                },
            };
            if next == fresh {
                self.nodes.push(Node { outer: self.nearest_mounts(node), ..Node::default() });
            }
            node = next;
        }
        node
    }

    /// The node itself if it has mounts, else the nearest above it that has.
    fn nearest_mounts(&self, id: NodeId) -> Option<NodeId> {
        if self.node(id).mounts.is_empty() { self.node(id).outer } else { Some(id) }
    }

    /// Writes the `outer` of every node anew that a prefix can lead to.
    fn link(&mut self) {
        let mut below = vec![(ROOT, None)];
        while let Some((id, outer)) = below.pop() {
            let node = self.node_mut(id);
            node.outer = outer;
            let outer = if node.mounts.is_empty() { outer } else { Some(id) };
            below.extend(node.literals.iter().map(|literal| (literal.1, outer)));
        }
    }

    /// Visits the handlers of every pattern that matches `path`, the most specific first, until `visit` breaks; then
    /// `params` has what its names took.
    pub(super) fn walk<'p>(
        &self,
        path: &'p str,
        params: &mut Params<'p>,
        visit: &mut impl FnMut(&[u16]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.walk_from(ROOT, path.strip_prefix('/'), params, visit)
    }

    /// `left`: what follows the slash behind this node's segment; `None`: the path ends with that segment.
    fn walk_from<'p>(
        &self,
        id: NodeId,
        left: Option<&'p str>,
        params: &mut Params<'p>,
        visit: &mut impl FnMut(&[u16]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let node = self.node(id);
        let Some(left) = left else {
            return if node.routes.is_empty() { ControlFlow::Continue(()) } else { visit(&node.routes) };
        };
        let (segment, behind) = split(left);
        if let Ok(child) = self.literal(id, segment) {
            self.walk_from(child, behind, params, visit)?;
        }
        match node.any {
            Some(any) if !segment.is_empty() => {
                params.with(segment, |params| self.walk_from(any, behind, params, visit))?;
            }
            Some(_) | None => {}
        }
        match node.rest {
            Some(rest) if !left.is_empty() => params.with(left, |_| visit(&self.node(rest).routes)),
            Some(_) | None => ControlFlow::Continue(()),
        }
    }

    /// The node of the longest prefix of `path` that has mounts.
    pub(super) fn longest_prefix(&self, path: &str) -> Option<NodeId> {
        let mut id = ROOT;
        let mut left = path.strip_prefix('/');
        while let Some(at) = left {
            let (segment, behind) = split(at);
            let Ok(child) = self.literal(id, segment) else { break };
            id = child;
            left = behind;
        }
        self.nearest_mounts(id)
    }

    /// The mounts of a node, in the order in which they are asked.
    pub(super) fn mounts(&self, id: NodeId) -> &[u16] {
        &self.node(id).mounts
    }

    /// The node of the next shorter prefix.
    pub(super) fn outer(&self, id: NodeId) -> Option<NodeId> {
        self.node(id).outer
    }

    /// The child for a segment, or where it would have to be put.
    fn literal(&self, id: NodeId, segment: &str) -> Result<NodeId, usize> {
        let literals = &self.node(id).literals;
        let place = literals.binary_search_by(|literal| {
            literal.0.len().cmp(&segment.len()).then_with(|| literal.0.as_bytes().cmp(segment.as_bytes()))
        })?;
        Ok(literals[place].1)
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }
}

/// The first segment, and what follows its slash if there is one.
fn split(left: &str) -> (&str, Option<&str>) {
    match memchr::memchr(b'/', left.as_bytes()) {
        Some(slash) => (&left[..slash], Some(&left[slash + 1..])),
        None => (left, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::list::random::Random;
    use crate::route::pattern::{parse, parse_prefix};

    /// What a pattern takes of a path, by the definition; `None`: it does not match.
    fn matches<'p>(pattern: &str, path: &'p str) -> Option<Vec<&'p str>> {
        let mut left = path.strip_prefix('/');
        let mut taken = Vec::new();
        for segment in parse(pattern).unwrap() {
            let (piece, behind) = split(left?);
            match segment {
                Segment::Literal(text) if text == piece => {}
                Segment::Name(_) if !piece.is_empty() => taken.push(piece),
                Segment::Rest(_) if left != Some("") => {
                    taken.extend(left);
                    return Some(taken);
                }
                Segment::Literal(_) | Segment::Name(_) | Segment::Rest(_) => return None,
            }
            left = behind;
        }
        left.is_none().then_some(taken)
    }

    /// Patterns compare as they precede each other.
    fn rank(pattern: &str) -> Vec<u8> {
        let rank = |segment: &Segment<'_>| match segment {
            Segment::Literal(_) => 0,
            Segment::Name(_) => 1,
            Segment::Rest(_) => 2,
        };
        parse(pattern).unwrap().iter().map(rank).collect()
    }

    /// A path or pattern: up to four of these pieces.
    fn text(random: &mut Random, pieces: &[&str], last: &[&str]) -> String {
        let count = random.below(4);
        let middle: String = (0..count).map(|_| format!("/{}", pieces[random.below(pieces.len())])).collect();
        format!("{middle}/{}", last[random.below(last.len())])
    }

    #[test]
    fn walks_agree_with_the_definition() {
        let mut random = Random::new(1);
        for _ in 0..3_000 {
            let mut tree = Tree::new();
            let mut patterns: Vec<String> = Vec::new();
            for _ in 0..random.below(12) {
                let pattern = text(&mut random, &["a", "bb", "{}"], &["a", "bb", "", "{}", "{*r}"]);
                let pieces = pattern.split("{}").enumerate();
                let pattern: String = pieces
                    .map(|(at, piece)| if at == 0 { piece.to_owned() } else { format!("{{n{at}}}{piece}") })
                    .collect();
                if !patterns.contains(&pattern) {
                    tree.routes_mut(&parse(&pattern).unwrap()).push(patterns.len() as u16);
                    patterns.push(pattern);
                }
            }
            for _ in 0..20 {
                let path = text(&mut random, &["a", "bb", "c", ""], &["a", "bb", "c", ""]);
                let mut expected: Vec<_> =
                    patterns.iter().filter(|pattern| matches(pattern, &path).is_some()).collect();
                expected.sort_by_key(|pattern| rank(pattern));
                let mut visited = Vec::new();
                let all = tree.walk(&path, &mut Params::new(), &mut |routes| {
                    visited.extend(routes.iter().map(|&route| &patterns[usize::from(route)]));
                    ControlFlow::Continue(())
                });
                assert_eq!(visited, expected, "{path} in {patterns:?}");
                assert_eq!(all, ControlFlow::Continue(()));
                // Breaking at each of them leaves what its names took.
                for stop in 0..expected.len() {
                    let (mut params, mut seen) = (Params::new(), 0);
                    let _ = tree.walk(&path, &mut params, &mut |_| {
                        seen += 1;
                        if seen > stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    });
                    assert_eq!(
                        Some(params.as_slice().to_vec()),
                        matches(expected[stop], &path),
                        "{path}: {expected:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn prefixes_agree_with_the_definition() {
        let mut random = Random::new(2);
        for _ in 0..3_000 {
            let mut tree = Tree::new();
            let mut prefixes: Vec<String> = Vec::new();
            for number in 0..random.below(8) {
                let prefix = text(&mut random, &["a", "bb"], &["a", "bb", ""]);
                let prefix = parse_prefix(&prefix).unwrap().to_owned();
                tree.add_mount(&prefix, number as u16);
                prefixes.push(prefix);
                if random.below(2) == 0 {
                    tree.routes_mut(&parse(&text(&mut random, &["a", "bb"], &["a", "{x}", "{*r}"])).unwrap()).push(0);
                }
            }
            let path = text(&mut random, &["a", "bb", "c", ""], &["a", "bb", "c", "aa", ""]);
            let is_below =
                |prefix: &str| path.strip_prefix(prefix).is_some_and(|key| key.is_empty() || key.starts_with('/'));
            let mut expected: Vec<u16> = (0..prefixes.len() as u16).collect();
            expected.retain(|&number| is_below(&prefixes[usize::from(number)]));
            expected.sort_by_key(|&number| std::cmp::Reverse(prefixes[usize::from(number)].len()));
            let mut asked = Vec::new();
            let mut node = tree.longest_prefix(&path);
            while let Some(id) = node {
                asked.extend_from_slice(tree.mounts(id));
                node = tree.outer(id);
            }
            assert_eq!(asked, expected, "{path} in {prefixes:?}");
        }
    }
}
