//! Goes through a COCO file of any size without keeping it.

use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// An array of a COCO file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CocoSection {
    /// `images`.
    Images,
    /// `annotations`.
    Annotations,
    /// `categories`.
    Categories,
}

impl CocoSection {
    /// Its key in the file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Annotations => "annotations",
            Self::Categories => "categories",
        }
    }
}

/// How many elements each array has; `None` where the file does not have the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CocoSeen {
    /// Elements of `images`.
    pub images: Option<u64>,
    /// Elements of `annotations`.
    pub annotations: Option<u64>,
    /// Elements of `categories`.
    pub categories: Option<u64>,
}

/// Calls `each` with every element of the three arrays, in the order of the file; when it returns `false`, reading stops
/// without an error. One element is in memory at a time.
///
/// Python writes `NaN` and `Infinity`, which JSON does not have: they are let through as values that are no finite number,
/// so that one bad annotation does not cost the whole file. What else is no JSON is an error with line and column.
pub fn stream_coco<R: Read>(
    reader: R,
    each: &mut dyn FnMut(CocoSection, u64, &Value) -> bool,
) -> Result<CocoSeen, serde_json::Error> {
    let buffered = BufReader::with_capacity(1 << 16, NanFilter::new(reader));
    let mut deserializer = serde_json::Deserializer::from_reader(buffered);
    let mut seen = CocoSeen::default();
    let mut stopped = false;
    let root = Root {
        seen: &mut seen,
        each,
        stopped: &mut stopped,
    };
    let outcome = root.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match outcome {
        Err(_) if stopped => Ok(seen),
        Err(err) => Err(err),
        Ok(()) => Ok(seen),
    }
}

struct Root<'a> {
    seen: &'a mut CocoSeen,
    each: &'a mut dyn FnMut(CocoSection, u64, &Value) -> bool,
    stopped: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Root<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a COCO object with `images`, `annotations` and `categories`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let (section, count) = match key.as_str() {
                "images" => (CocoSection::Images, &mut self.seen.images),
                "annotations" => (CocoSection::Annotations, &mut self.seen.annotations),
                "categories" => (CocoSection::Categories, &mut self.seen.categories),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(Elements {
                section,
                count: count.get_or_insert(0),
                each: self.each,
                stopped: self.stopped,
            })?;
        }
        Ok(())
    }
}

struct Elements<'a> {
    section: CocoSection,
    count: &'a mut u64,
    each: &'a mut dyn FnMut(CocoSection, u64, &Value) -> bool,
    stopped: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array as `{}`", self.section.key())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<Value>()? {
            let index = *self.count;
            *self.count += 1;
            if !(self.each)(self.section, index, &element) {
                *self.stopped = true;
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// What a JSON file turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sniffed {
    /// Instances: images, and annotations with boxes or masks (or none at all).
    Instances,
    /// COCO, but of a kind without instances: panoptic, captions, ….
    OtherCoco(&'static str),
    /// Something else.
    NotCoco,
}

/// Looks at as little of a JSON file as is needed.
pub(crate) fn sniff<R: Read>(reader: R) -> Sniffed {
    let mut image = false;
    let mut annotation: Option<Sniffed> = None;
    let mut look = |section: CocoSection, _: u64, element: &Value| -> bool {
        let has = |key: &str| element.get(key).is_some();
        match section {
            CocoSection::Images => image |= has("file_name") || has("id"),
            CocoSection::Annotations if annotation.is_none() => {
                annotation = Some(if has("segments_info") {
                    Sniffed::OtherCoco("panoptic")
                } else if has("bbox") || has("segmentation") {
                    Sniffed::Instances
                } else if has("caption") {
                    Sniffed::OtherCoco("captions")
                } else {
                    Sniffed::OtherCoco("without boxes or masks")
                });
            }
            CocoSection::Annotations | CocoSection::Categories => {}
        }
        !(image && annotation.is_some())
    };
    let outcome = stream_coco(reader, &mut look);
    match (outcome, image, annotation) {
        (_, true, Some(kind)) => kind,
        // Images without annotations: an unlabelled set, if the file says that it has a list of annotations.
        (Ok(seen), true, None) if seen.annotations.is_some() && seen.categories.is_some() => Sniffed::Instances,
        (Ok(seen), true, None) if seen.categories.is_some() || seen.annotations.is_some() => {
            Sniffed::OtherCoco("without annotations")
        }
        // Broken further down: still worth opening, so that the error says where.
        (Err(err), true, None) if err.is_eof() || err.is_syntax() => Sniffed::Instances,
        _ => Sniffed::NotCoco,
    }
}

/// Replaces what Python's `json` writes for non-finite floats by JSON of the same length that is no finite number: `NaN` by
/// `""`, `Infinity` by `1e308`, which no pixel coordinate comes near. Offsets, and so the columns in errors, stay as they are.
struct NanFilter<R> {
    inner: R,
    in_string: bool,
    escaped: bool,
    /// What is left of the word being replaced: expected byte, byte put in its place.
    pending: &'static [(u8, u8)],
    start: bool,
}

const NAN_REST: &[(u8, u8)] = &[(b'a', b'"'), (b'N', b' ')];
const INFINITY_REST: &[(u8, u8)] = &[
    (b'n', b'e'),
    (b'f', b'3'),
    (b'i', b'0'),
    (b'n', b'8'),
    (b'i', b' '),
    (b't', b' '),
    (b'y', b' '),
];
/// UTF-8's byte order mark, which some editors put first.
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl<R> NanFilter<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            in_string: false,
            escaped: false,
            pending: &[],
            start: true,
        }
    }
}

impl<R: Read> Read for NanFilter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let bytes = buffer.get_mut(..length).unwrap_or(&mut []);
        if std::mem::take(&mut self.start) && bytes.starts_with(&BYTE_ORDER_MARK) {
            bytes.iter_mut().take(3).for_each(|b| *b = b' ');
        }
        for byte in bytes {
            if let Some(((expected, put), rest)) = self.pending.split_first() {
                if byte == expected {
                    *byte = *put;
                    self.pending = rest;
                    continue;
                }
                self.pending = &[];
            }
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'N' => {
                    *byte = b'"';
                    self.pending = NAN_REST;
                }
                b'I' => {
                    *byte = b'1';
                    self.pending = INFINITY_REST;
                }
                _ => {}
            }
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn elements(text: &str) -> Result<Vec<String>, String> {
        let mut out = Vec::new();
        stream_coco(text.as_bytes(), &mut |section, index, raw| {
            out.push(format!("{} {index} {raw}", section.key()));
            true
        })
        .map_err(|err| err.to_string())?;
        Ok(out)
    }

    /// Gives its bytes one at a time, so that every word straddles a border.
    struct OneByOne<'a>(&'a [u8]);

    impl Read for OneByOne<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match (self.0.split_first(), buffer.first_mut()) {
                (Some((byte, rest)), Some(slot)) => {
                    *slot = *byte;
                    self.0 = rest;
                    Ok(1)
                }
                _ => Ok(0),
            }
        }
    }

    #[test]
    fn elements_come_in_the_order_of_the_file() {
        let text = r#"{"info": {"a": [1]}, "annotations": [{"id": 1}, 7], "images": [], "categories": [{"id": 2}]}"#;
        assert_eq!(
            elements(text).expect("good JSON"),
            ["annotations 0 {\"id\":1}", "annotations 1 7", "categories 0 {\"id\":2}"]
        );
    }

    #[test]
    fn pythons_non_finite_numbers_do_not_cost_the_file() {
        let text = r#"{"annotations": [{"x": NaN, "s": "NaN \" Infinity"}, [-Infinity, Infinity]]}"#;
        let whole = elements(text).expect("let through");
        assert_eq!(whole[0], r#"annotations 0 {"s":"NaN \" Infinity","x":""}"#);
        assert_eq!(whole[1], "annotations 1 [-1e+308,1e+308]");
        let mut bytewise = Vec::new();
        stream_coco(OneByOne(text.as_bytes()), &mut |_, _, raw| {
            bytewise.push(raw.to_string());
            true
        })
        .expect("let through");
        assert!(whole.iter().zip(&bytewise).all(|(a, b)| a.ends_with(b.as_str())));
    }

    #[test]
    fn what_is_no_json_is_an_error_with_its_place() {
        insta::assert_snapshot!(
            ["{\"images\": [{]}", "{\"images\": {}}", "[1]", "{\"images\": []} x", "{\"images\": ["]
                .map(|text| elements(text).expect_err("an error"))
                .join("\n"),
            @r"
        key must be a string at line 1 column 14
        invalid type: map, expected an array as `images` at line 1 column 12
        invalid type: sequence, expected a COCO object with `images`, `annotations` and `categories` at line 1 column 1
        trailing characters at line 1 column 16
        EOF while parsing a list at line 1 column 12
        "
        );
    }

    #[test]
    fn kinds_are_told_apart() {
        let image = r#""images": [{"id": 1, "file_name": "a.jpg"}]"#;
        let sniffed = |rest: &str| sniff(format!("{{{image}{rest}}}").as_bytes());
        assert_eq!(sniffed(r#", "annotations": [{"bbox": [1]}]"#), Sniffed::Instances);
        assert_eq!(
            sniffed(r#", "annotations": [{"segments_info": []}]"#),
            Sniffed::OtherCoco("panoptic")
        );
        assert_eq!(sniffed(r#", "annotations": [], "categories": []"#), Sniffed::Instances);
        assert_eq!(sniffed(""), Sniffed::NotCoco);
        assert_eq!(sniff(&b"{\"a\": 1}"[..]), Sniffed::NotCoco);
        assert_eq!(sniff(&b"hello"[..]), Sniffed::NotCoco);
    }

    proptest! {
        #[test]
        fn finite_json_passes_unchanged(text in "[ -~]{0,60}") {
            let json = serde_json::json!({"annotations": [text, {"k": text}]}).to_string();
            let got = elements(&json).expect("good JSON");
            let want = serde_json::to_string(&text).expect("a string");
            prop_assert_eq!(&got[0], &format!("annotations 0 {want}"));
        }
    }
}
