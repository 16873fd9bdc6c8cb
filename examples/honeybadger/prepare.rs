//! Makes what the demo serves: galleries, and pictures in packs.
//!
//! ```text
//! first:  stamps of all titles; posters and wide pictures of what a guest sees first; galleries of the first profiles
//!         -> the page is up
//! rest:   all posters -> all galleries -> wide pictures, a few hundred at a time
//!         -> after each the new content is swapped in
//! ```
//! Each picture is a file first, and a finished stage is a pack; so whatever ends this, the next start goes on from there.

use crate::art::{self, ArtError};
use crate::demo::titles::{self, Title};
use crate::demo::{DEMO_VERSION, Demo, Size};
use crate::failure::Failure;
use crate::folder::Folder;
use crate::gallery::compress::Encodings;
use crate::gallery::{self, Input, Options};
use crate::watch::Watch;
use badgerserver::pack::{Encoding, Entry};
use badgerserver::poco::Layout;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// What art paths are relative to.
pub(crate) const ASSETS: &str = "/assets/";
const STAMPS: &str = "stamps.badger";
const FIRST_ART: &str = "first-art.badger";
const BOXART: &str = "boxart.badger";
/// Bytes of JSON lines that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// What is prepared, and how.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) size: Size,
    pub(crate) layout: Layout,
    /// Rows and columns of the guest's first screen, and how many of their wide pictures are drawn first.
    pub(crate) first_rows: usize,
    pub(crate) first_columns: usize,
    pub(crate) first_heroes: usize,
    /// Profiles that have galleries from the start.
    pub(crate) first_profiles: usize,
    /// Wide pictures of a pack.
    pub(crate) pack_heroes: usize,
}

impl Default for Plan {
    /// A screen of 1080 lines shows four rows of some fourteen posters; whoever looks begins in the first row.
    fn default() -> Plan {
        Plan {
            size: Size { titles: 2_000, profiles: 1_000 },
            layout: Layout::Shared,
            first_rows: 8,
            first_columns: 16,
            first_heroes: 16,
            first_profiles: 24,
            pack_heroes: 250,
        }
    }
}

/// The packs that there are now: galleries, and assets in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) galleries: PathBuf,
    pub(crate) assets: Vec<PathBuf>,
    /// A folder of pictures, for galleries that are not the demo's.
    pub(crate) pictures: Option<PathBuf>,
}

/// A demo in its folder.
pub(crate) struct Preparation {
    folder: Folder,
    plan: Plan,
    demo: Demo,
    watch: Arc<dyn Watch>,
}

#[derive(Clone, Copy)]
enum Art {
    Boxart,
    Hero,
}

impl Art {
    fn path(self, title: &Title) -> String {
        match self {
            Art::Boxart => title.recipe().boxart_path(),
            Art::Hero => title.recipe().hero_path(),
        }
    }

    fn draw(self, title: &Title) -> Result<Vec<u8>, ArtError> {
        match self {
            Art::Boxart => title.recipe().boxart(),
            Art::Hero => title.recipe().hero(),
        }
    }
}

impl Preparation {
    /// Looks at the folder; takes it if something is to be made there.
    pub(crate) fn new(path: PathBuf, plan: Plan, watch: Arc<dyn Watch>) -> Result<Preparation, Failure> {
        let demo = Demo::new(plan.size);
        let mut preparation = Preparation { folder: Folder::open(path)?, plan, demo, watch };
        let recipe = preparation.recipe();
        if !(preparation.folder.is_of(&recipe) && preparation.is_complete()) {
            preparation.folder.begin(&recipe)?;
        }
        Ok(preparation)
    }

    /// Everything that decides what the files have in them. The layout is in the names of those that depend on it.
    fn recipe(&self) -> String {
        let Size { titles, profiles } = self.plan.size;
        let (rows, columns, heroes) = (self.plan.first_rows, self.plan.first_columns, self.plan.first_heroes);
        format!(
            "demo {DEMO_VERSION}, art {}, {titles} titles, {profiles} profiles, first {} of {rows} x {columns} + {heroes}, \
             {} heroes a pack",
            art::ART_VERSION,
            self.plan.first_profiles,
            self.plan.pack_heroes
        )
    }

    fn galleries(&self, is_first: bool) -> String {
        format!("{}galleries-{}.badger", if is_first { "first-" } else { "" }, self.plan.layout.name())
    }

    fn heroes(&self) -> impl Iterator<Item = (String, &[Title])> {
        self.demo
            .titles
            .chunks(self.plan.pack_heroes)
            .enumerate()
            .map(|(number, titles)| (format!("heroes-{number}.badger"), titles))
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_complete(&self) -> bool {
        let has = |name: &str| self.folder.has(name);
        has(STAMPS) && has(BOXART) && has(&self.galleries(false)) && self.heroes().all(|(name, _)| has(&name))
    }

    /// What can be served now.
    pub(crate) fn content(&self) -> Content {
        let galleries = self.galleries(!self.folder.has(&self.galleries(false)));
        let heroes = self.heroes().map(|(name, _)| name);
        let names = [BOXART, STAMPS, FIRST_ART].into_iter().map(str::to_owned).chain(heroes);
        let assets = names.filter(|name| self.folder.has(name)).map(|name| self.folder.path(&name)).collect();
        Content { galleries: self.folder.path(&galleries), assets, pictures: None }
    }

    /// Makes what the first screen needs.
    pub(crate) fn first(&self, threads: usize) -> Result<(), Failure> {
        if self.is_complete() {
            return Ok(());
        }
        self.lines("titles.ndjson", |out| self.demo.write_titles(out))?;
        self.lines("first-profiles.ndjson", |out| self.demo.write_profiles(self.plan.first_profiles, out))?;
        self.stamps()?;
        let screen = self.demo.first_screen(self.plan.first_rows, self.plan.first_columns);
        let heroes = &screen[..screen.len().min(self.plan.first_heroes)];
        // Another layout has been prepared here before: its pictures are these.
        let has_better = self.folder.has(BOXART) && self.heroes().all(|(name, _)| self.folder.has(&name));
        if !self.folder.has(FIRST_ART) && !has_better {
            let what = "first pictures";
            self.watch.begin(what, (screen.len() + heroes.len()) as u64);
            self.draw(Art::Boxart, &screen, threads)?;
            self.draw(Art::Hero, heroes, threads)?;
            let pieces = screen.iter().map(|title| Art::Boxart.path(title));
            self.pack_pieces(
                FIRST_ART,
                &pieces.chain(heroes.iter().map(|title| Art::Hero.path(title))).collect::<Vec<_>>(),
            )?;
            self.watch.end(what);
        }
        if self.folder.has(&self.galleries(false)) {
            return Ok(());
        }
        self.pack_galleries(true, "first-profiles.ndjson", "first galleries", threads)
    }

    /// Makes everything else; `ready` is called whenever there is new content.
    pub(crate) fn rest(
        &mut self,
        threads: usize,
        ready: &mut dyn FnMut(&Content) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.is_complete() {
            return Ok(());
        }
        let all: Vec<&Title> = self.demo.titles.iter().collect();
        self.stage(BOXART, Art::Boxart, &all, "posters", threads, ready)?;
        if !self.folder.has(&self.galleries(false)) {
            self.lines("profiles.ndjson", |out| self.demo.write_profiles(self.plan.size.profiles, out))?;
            self.pack_galleries(false, "profiles.ndjson", "galleries", threads)?;
            ready(&self.content())?;
        }
        for (name, titles) in self.heroes() {
            let what = format!("wide pictures to {}", titles.last().map_or(0, |title| title.id));
            self.stage(&name, Art::Hero, &titles.iter().collect::<Vec<_>>(), &what, threads, ready)?;
        }
        // Pieces are in packs now, and what was first is in what is whole. Who serves them still has them open.
        self.folder.remove_folder("pieces")?;
        self.folder.remove(FIRST_ART)?;
        self.folder.remove("first-profiles.ndjson")?;
        self.folder.remove(&self.galleries(true))?;
        ready(&self.content())?;
        self.folder.end();
        Ok(())
    }

    /// One pack of pictures.
    fn stage(
        &self,
        name: &str,
        art: Art,
        titles: &[&Title],
        what: &str,
        threads: usize,
        ready: &mut dyn FnMut(&Content) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.folder.has(name) {
            return Ok(());
        }
        self.watch.begin(what, titles.len() as u64);
        self.draw(art, titles, threads)?;
        self.pack_pieces(name, &titles.iter().map(|title| art.path(title)).collect::<Vec<_>>())?;
        self.watch.end(what);
        ready(&self.content())?;
        titles.iter().try_for_each(|title| self.folder.remove(&format!("pieces/{}", art.path(title))))
    }

    /// A file of JSON lines, made once.
    fn lines(
        &self,
        name: &str,
        fill: impl FnOnce(&mut std::io::BufWriter<&File>) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        self.check_stopped()?;
        if self.folder.has(name) { Ok(()) } else { self.folder.write_with(name, fill) }
    }

    fn check_stopped(&self) -> Result<(), Failure> {
        if self.watch.is_stopped() { Err(Failure::Stopped) } else { Ok(()) }
    }

    fn stamps(&self) -> Result<(), Failure> {
        if self.folder.has(STAMPS) {
            return Ok(());
        }
        self.watch.begin("stamps", self.demo.titles.len() as u64);
        let sheets: Vec<(usize, &[Title])> = titles::sheets(&self.demo.titles).enumerate().collect();
        self.folder.make_folder("pieces/sprites")?;
        let draw = |&(number, titles): &(usize, &[Title])| {
            let name = format!("pieces/{}", titles::sheet_path(number, titles));
            if !self.folder.has_jpeg(&name) {
                let recipes: Vec<_> = titles.iter().map(Title::recipe).collect();
                self.folder.write(&name, &art::sheet(&recipes).map_err(art_failure)?)?;
            }
            self.watch.done(titles.len() as u64);
            Ok(())
        };
        self.on_threads(&sheets, sheets.len(), draw)?;
        let paths: Vec<_> = sheets.iter().map(|(number, titles)| titles::sheet_path(*number, titles)).collect();
        self.pack_pieces(STAMPS, &paths)?;
        self.folder.remove_folder("pieces/sprites")?;
        self.watch.end("stamps");
        Ok(())
    }

    /// Draws what is not there yet, in this order as far as there are threads.
    fn draw(&self, art: Art, titles: &[&Title], threads: usize) -> Result<(), Failure> {
        self.folder.make_folder(match art {
            Art::Boxart => "pieces/boxart",
            Art::Hero => "pieces/hero",
        })?;
        self.on_threads(titles, threads, |title| {
            let name = format!("pieces/{}", art.path(title));
            if !self.folder.has_jpeg(&name) {
                self.folder.write(&name, &art.draw(title).map_err(art_failure)?)?;
            }
            self.watch.done(1);
            Ok(())
        })
    }

    /// Does `work` for each on so many threads, until one fails or it is told to stop.
    fn on_threads<T: Sync>(
        &self,
        all: &[T],
        threads: usize,
        work: impl Fn(&T) -> Result<(), Failure> + Sync,
    ) -> Result<(), Failure> {
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let run = || {
            while let Some(one) = all.get(next.fetch_add(1, Relaxed)) {
                if let Err(error) = self.check_stopped().and_then(|()| work(one)) {
                    next.store(all.len(), Relaxed);
                    failure.lock().unwrap_or_else(|error| error.into_inner()).get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.min(all.len()) {
                scope.spawn(run);
            }
            run();
        });
        failure.into_inner().unwrap_or_else(|error| error.into_inner()).map_or(Ok(()), Err)
    }

    /// A pack of pictures that are there as pieces.
    fn pack_pieces(&self, name: &str, paths: &[String]) -> Result<(), Failure> {
        let target = self.folder.path(name);
        let summary = self.folder.pack(name, |mut writer| {
            for path in paths {
                self.check_stopped()?;
                let piece = self.folder.path(&format!("pieces/{path}"));
                let bytes = fs::read(&piece).map_err(|error| Failure::io(&piece, &error))?;
                let (key, bodies) = (format!("/{path}"), [(Encoding::Identity, &bytes[..])]);
                let entry = Entry {
                    key: &key,
                    content_type: "image/jpeg",
                    immutable: true,
                    bodies: &bodies,
                    ..Entry::default()
                };
                writer.add(entry).map_err(|error| Failure::write(&target, error))?;
            }
            writer.finish().map_err(|error| Failure::write(&target, error))
        });
        summary.map(drop)
    }

    fn pack_galleries(&self, is_first: bool, profiles: &str, what: &str, threads: usize) -> Result<(), Failure> {
        let name = self.galleries(is_first);
        if self.folder.has(&name) {
            return Ok(());
        }
        let (titles, profiles) = (self.folder.path("titles.ndjson"), self.folder.path(profiles));
        // Whoever waits for the page waits for these: gzip takes a tenth of the time that br takes.
        let encodings = if is_first { Encodings(vec![Encoding::Gzip]) } else { encodings() };
        let job = Lines { titles, profiles, layout: self.plan.layout, encodings, threads };
        pack_lines(&self.folder, &name, job, what, &self.watch)
    }
}

fn art_failure(error: ArtError) -> Failure {
    Failure::new(error.to_string(), "this is a mistake in the demo: please tell those who make it")
}

/// What browsers take, smallest first.
pub(crate) fn encodings() -> Encodings {
    Encodings(vec![Encoding::Br, Encoding::Gzip])
}

/// Galleries to be packed from two files of JSON lines.
pub(crate) struct Lines {
    pub(crate) titles: PathBuf,
    pub(crate) profiles: PathBuf,
    pub(crate) layout: Layout,
    pub(crate) encodings: Encodings,
    pub(crate) threads: usize,
}

/// Makes a pack of galleries, by the code of `badger pack gallery`.
pub(crate) fn pack_lines(
    folder: &Folder,
    name: &str,
    job: Lines,
    what: &str,
    watch: &Arc<dyn Watch>,
) -> Result<(), Failure> {
    let open = |path: &PathBuf| {
        let opened = File::open(path).and_then(|file| file.metadata().map(|found| (file, found.len())));
        let (file, bytes) = opened.map_err(|error| {
            Failure::new(format!("{}: {error}", path.display()), "name a file of JSON lines that can be read")
        })?;
        let reader = Stoppable { file, watch: Arc::clone(watch) };
        Ok((Input::new(path.display().to_string(), BufReader::with_capacity(READ_BYTES, reader)), bytes))
    };
    let ((titles, title_bytes), (profiles, profile_bytes)) = (open(&job.titles)?, open(&job.profiles)?);
    let options = Options {
        model: None,
        layout: job.layout,
        assets: ASSETS.to_owned(),
        shard_index: 0,
        shard_count: 1,
        encodings: job.encodings,
        threads: job.threads,
    };
    watch.begin(what, title_bytes + profile_bytes);
    let target = folder.path(name);
    folder.pack(name, |writer| {
        let packed = gallery::pack(titles, profiles, &options, writer, &mut |bytes| watch.done(bytes));
        packed.map(|packed| packed.summary).map_err(|error| match watch.is_stopped() {
            true => Failure::Stopped,
            false => Failure::gallery(&target, error),
        })
    })?;
    watch.end(what);
    Ok(())
}

/// A file that ends in an error when the preparation is told to stop: it is the way to stop who reads it.
struct Stoppable {
    file: File,
    watch: Arc<dyn Watch>,
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.watch.is_stopped() { Err(std::io::Error::other("stopped")) } else { self.file.read(buffer) }
    }
}
