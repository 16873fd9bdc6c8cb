//! scratch
mod art;
mod random;
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let genres = [
        "Action",
        "Adventure",
        "Animation",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
        "Family",
        "Fantasy",
        "History",
        "Horror",
        "Music",
        "Mystery",
        "Nature",
        "Romance",
        "Science Fiction",
        "Sport",
        "Thriller",
        "War",
        "Western",
    ];
    let all: Vec<_> = (0..1000u32).map(|n| art::Recipe { title: n + 1, genre: genres[n as usize % 20] }).collect();
    let t = std::time::Instant::now();
    let s = art::sheet(&all).unwrap();
    println!("sheet {} {:?}", s.len(), t.elapsed());
    std::fs::write(format!("{dir}/sheet.jpg"), &s).unwrap();
    let t = std::time::Instant::now();
    let mut b = 0;
    for r in &all[..100] {
        let j = r.boxart().unwrap();
        b += j.len();
        std::fs::write(format!("{dir}/b{:03}.jpg", r.title), &j).unwrap();
    }
    println!("100 boxart {} {:?}", b / 100, t.elapsed());
    let t = std::time::Instant::now();
    let mut b = 0;
    for r in &all[..60] {
        let j = r.hero().unwrap();
        b += j.len();
        std::fs::write(format!("{dir}/h{:03}.jpg", r.title), &j).unwrap();
    }
    println!("60 hero {} {:?}", b / 60, t.elapsed());
}
