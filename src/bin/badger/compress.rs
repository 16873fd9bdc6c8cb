//! The content encodings, at the quality that precomputing pays for.
//!
//! | encoding | quality | why |
//! |---|---|---|
//! | br | 11 to 256 KiB, 10 to 2 MiB, 9 above | 11 takes about 1 s a MiB and core, 9 a tenth of that for 2 to 4 % more bytes |
//! | gzip | 9 | for clients that know nothing else |
//! | zstd | 19, window at most 8 MiB | RFC 9659: a decoder need not have a larger one |
//!
//! Each gives the same bytes for the same input: one thread a body, no time and no name in the gzip header.

use badgerserver::pack::Encoding;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

/// Longest body that is encoded here; a longer one is stored as it is. Encoders need several times the body in memory.
pub(crate) const ENCODE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Shortest body for which encoding is tried: below it the header line costs more than is won.
const ENCODE_BYTES_MIN: usize = 64;
/// Base-2 logarithm of the largest window: 4 MiB for br (what decoders keep for each stream), 8 MiB for zstd.
const BR_WINDOW_LOG: i32 = 22;
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The value of `--encode`: `none`, or a comma list of encodings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encodings(pub(crate) Vec<Encoding>);

impl FromStr for Encodings {
    type Err = String;

    fn from_str(list: &str) -> Result<Encodings, String> {
        if list == "none" {
            return Ok(Encodings(Vec::new()));
        }
        let mut encodings = Vec::new();
        for token in list.split(',') {
            let encoding = match token.trim() {
                "br" => Encoding::Br,
                "gzip" => Encoding::Gzip,
                "zstd" => Encoding::Zstd,
                other => return Err(format!("{other:?} is not one of br, gzip, zstd or none")),
            };
            if !encodings.contains(&encoding) {
                encodings.push(encoding);
            }
        }
        Ok(Encodings(encodings))
    }
}

impl fmt::Display for Encodings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let tokens: Vec<&str> = self.0.iter().map(|encoding| encoding.token()).collect();
        f.write_str(&tokens.join(","))
    }
}

/// The body in each encoding, but those in `present`. Encodings that turn out larger are left to the writer to drop.
///
/// # Errors
/// What the compressor says; out of memory is the only known one.
pub(crate) fn encode(body: &[u8], encodings: &Encodings, present: &[Encoding]) -> io::Result<Vec<(Encoding, Vec<u8>)>> {
    if body.len() < ENCODE_BYTES_MIN || body.len() as u64 > ENCODE_BYTES_MAX {
        return Ok(Vec::new());
    }
    let wanted = encodings.0.iter().filter(|encoding| !present.contains(encoding));
    wanted.map(|&encoding| Ok((encoding, encode_one(body, encoding)?))).collect()
}

fn encode_one(body: &[u8], encoding: Encoding) -> io::Result<Vec<u8>> {
    let room = Vec::with_capacity(body.len() / 2 + 64);
    match encoding {
        Encoding::Br => {
            let mut output = room;
            let parameters = brotli::enc::BrotliEncoderParams {
                quality: br_quality(body.len()),
                lgwin: BR_WINDOW_LOG,
                size_hint: body.len(),
                ..Default::default()
            };
            brotli::BrotliCompress(&mut &*body, &mut output, &parameters)?;
            Ok(output)
        }
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(room, flate2::Compression::best());
            encoder.write_all(body)?;
            encoder.finish()
        }
        Encoding::Zstd => {
            let mut encoder = zstd::stream::Encoder::new(room, 19)?;
            encoder.set_pledged_src_size(Some(body.len() as u64))?;
            if body.len() > 1 << ZSTD_WINDOW_LOG_MAX {
                encoder.window_log(ZSTD_WINDOW_LOG_MAX)?;
            }
            encoder.write_all(body)?;
            encoder.finish()
        }
        _ => Ok(body.to_vec()),
    }
}

fn br_quality(bytes: usize) -> i32 {
    match bytes {
        0..=262_144 => 11,
        262_145..=2_097_152 => 10,
        _ => 9,
    }
}

/// Whether bodies of this media type become smaller: text, and the binary types that are not compressed inside.
pub(crate) fn is_compressible(media_type: &str) -> bool {
    const OTHERS: [&str; 15] = [
        "application/json",
        "application/javascript",
        "application/xml",
        "application/wasm",
        "application/manifest+json",
        "application/rtf",
        "application/x-ndjson",
        "application/vnd.ms-fontobject",
        "application/vnd.badger.catalogue",
        "application/vnd.badger.gallery",
        "application/vnd.badger.title",
        "font/ttf",
        "font/otf",
        "image/bmp",
        "image/x-icon",
    ];
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || essence == "image/vnd.microsoft.icon"
        || OTHERS.contains(&essence.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn decode(body: &[u8], encoding: Encoding) -> Vec<u8> {
        let mut output = Vec::new();
        match encoding {
            Encoding::Br => brotli::Decompressor::new(body, 4096).read_to_end(&mut output),
            Encoding::Gzip => flate2::read::GzDecoder::new(body).read_to_end(&mut output),
            _ => zstd::stream::Decoder::new(body).unwrap().read_to_end(&mut output),
        }
        .unwrap();
        output
    }

    #[test]
    fn every_encoding_decodes_to_its_body_and_is_the_same_each_time() {
        let all = Encodings(vec![Encoding::Br, Encoding::Gzip, Encoding::Zstd]);
        for bytes in [64, 5_000, 300_000] {
            let body: Vec<u8> =
                (0..bytes).map(|index: u32| b'a' + (index.wrapping_mul(index) >> 7) as u8 % 17).collect();
            let encoded = encode(&body, &all, &[]).unwrap();
            assert_eq!(encoded, encode(&body, &all, &[]).unwrap());
            assert_eq!(encoded.len(), 3);
            for (encoding, output) in &encoded {
                assert_eq!(decode(output, *encoding), body, "{encoding:?}");
            }
        }
        assert_eq!(encode(&[0; 63], &all, &[]).unwrap(), []);
        assert_eq!(encode(&[0; 64], &all, &[Encoding::Br, Encoding::Zstd]).unwrap().len(), 1);
    }

    #[test]
    fn lists() {
        assert_eq!("none".parse(), Ok(Encodings(vec![])));
        assert_eq!("gzip,br,gzip".parse(), Ok(Encodings(vec![Encoding::Gzip, Encoding::Br])));
        assert_eq!("br,lzma".parse::<Encodings>().unwrap_err(), "\"lzma\" is not one of br, gzip, zstd or none");
        assert!("".parse::<Encodings>().is_err());
        assert_eq!("br,zstd".parse::<Encodings>().unwrap().to_string(), "br,zstd");
    }

    #[test]
    fn types() {
        for (media_type, expected) in [
            ("text/html; charset=utf-8", true),
            ("image/svg+xml", true),
            ("Application/JSON", true),
            ("font/woff2", false),
            ("image/jpeg", false),
            ("application/gzip", false),
            ("application/octet-stream", false),
        ] {
            assert_eq!(is_compressible(media_type), expected, "{media_type}");
        }
    }
}
