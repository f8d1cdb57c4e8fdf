//! QR codes (ISO/IEC 18004) for `--qr`: bytes -> modules -> half blocks on a terminal. It has only
//! what a URL needs: byte mode, error correction level M, versions 1 to 6, so up to 106 bytes.

/// A symbol: a square of modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    width: usize,
    modules: Vec<Module>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Module {
    /// Not yet drawn.
    Free,
    /// A part of a pattern, which no mask touches.
    Fixed(bool),
    /// A bit of a codeword; dark if it is 1.
    Data(bool),
}

/// How many codewords a version has at level M (table 9). All blocks of a version are equal here.
struct Version {
    blocks: usize,
    data_per_block: usize,
    correction_per_block: usize,
}

const VERSIONS: [Version; 6] = [
    Version::new(1, 16, 10),
    Version::new(1, 28, 16),
    Version::new(1, 44, 26),
    Version::new(2, 32, 18),
    Version::new(2, 43, 24),
    Version::new(4, 27, 16),
];

impl Version {
    const fn new(blocks: usize, data_per_block: usize, correction_per_block: usize) -> Version {
        Version { blocks, data_per_block, correction_per_block }
    }

    fn data(&self) -> usize {
        self.blocks * self.data_per_block
    }
}

/// What a drawing is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Characters alone.
    Plain,
    /// Colours of a terminal as well.
    Colours,
}

impl Symbol {
    /// The smallest symbol that holds the text; `None` if none does.
    pub fn encode(text: &str) -> Option<Symbol> {
        // Four bits of mode, eight of length, four at the end.
        let needed = text.len() + 2;
        let (index, version) = (VERSIONS.iter().enumerate()).find(|(_, v)| v.data() >= needed)?;
        let codewords = with_correction(&data_codewords(text.as_bytes(), version.data()), version);
        let mut blank = Symbol::with_patterns(index + 1);
        blank.place(&codewords);
        // §7.8: the mask with the fewest patterns that confuse a reader.
        (0..8).map(|mask| blank.masked(mask)).min_by_key(Symbol::penalty)
    }

    /// Draws two rows per line with half blocks, and the quiet zone that readers need. With colours,
    /// it is black on white on any terminal. Without, it draws the light modules, for a dark terminal.
    pub fn draw(&self, ink: Ink) -> String {
        let colours = ink == Ink::Colours;
        const QUIET: usize = 4;
        let mut text = String::new();
        for y in (0..self.width + 2 * QUIET).step_by(2) {
            if colours {
                // Black on white, from the 256 colours, which themes do not change.
                text.push_str("\x1b[38;5;16;48;5;231m");
            }
            for x in 0..self.width + 2 * QUIET {
                let is_dark = |y: usize| match (x.checked_sub(QUIET), y.checked_sub(QUIET)) {
                    (Some(x), Some(y)) => self.is_dark(x, y),
                    _ => false,
                };
                text.push(match (is_dark(y) == colours, is_dark(y + 1) == colours) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            if colours {
                text.push_str("\x1b[0m");
            }
            text.push('\n');
        }
        text
    }

    /// Modules outside of the symbol are light.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        matches!(self.at(x, y), Module::Fixed(true) | Module::Data(true))
    }

    fn at(&self, x: usize, y: usize) -> Module {
        let inside = x < self.width && y < self.width;
        let module = self.modules.get(y * self.width + x).copied();
        module.filter(|_| inside).unwrap_or(Module::Fixed(false))
    }

    fn set(&mut self, x: usize, y: usize, module: Module) {
        let inside = x < self.width && y < self.width;
        if let Some(place) = self.modules.get_mut(y * self.width + x).filter(|_| inside) {
            *place = module;
        }
    }

    /// §6.3: the function patterns of a version, with room for the format information.
    fn with_patterns(version: usize) -> Symbol {
        let width = 17 + 4 * version;
        let mut symbol = Symbol { width, modules: vec![Module::Free; width * width] };
        let last = width - 1;
        for at in 0..width {
            symbol.set(at, 6, Module::Fixed(at % 2 == 0));
            symbol.set(6, at, Module::Fixed(at % 2 == 0));
        }
        // Finder patterns, their separators, and the format information beside them.
        for (x, y) in [(0, 0), (last - 6, 0), (0, last - 6)] {
            symbol.set_square(x, y, 7);
        }
        for at in 0..9 {
            for (x, y) in [(at, 8), (8, at), (last - at.min(7), 8), (8, last - at.min(7))] {
                if symbol.at(x, y) == Module::Free {
                    symbol.set(x, y, Module::Fixed(false));
                }
            }
            let at = at.min(7);
            for (x, y) in [(at, 7), (7, at), (last - at, 7), (last - 7, at), (at, last - 7)] {
                symbol.set(x, y, Module::Fixed(false));
            }
            symbol.set(7, last - at, Module::Fixed(false));
        }
        if version > 1 {
            symbol.set_square(last - 8, last - 8, 5);
        }
        symbol
    }

    /// Dark, with a light ring one module inside its edge: finder (7) and alignment pattern (5).
    fn set_square(&mut self, left: usize, top: usize, size: usize) {
        for y in 0..size {
            for x in 0..size {
                let from_edge = x.min(y).min(size - 1 - x).min(size - 1 - y);
                self.set(left + x, top + y, Module::Fixed(from_edge != 1));
            }
        }
    }

    /// §7.7.3: two columns at a time, up and down in turn, from the right; remainder bits are 0.
    fn place(&mut self, codewords: &[u8]) {
        let bit =
            |at: usize| codewords.get(at / 8).is_some_and(|byte| byte << (at % 8) & 0x80 != 0);
        let mut placed = 0;
        let mut upwards = true;
        // The column of the timing pattern is skipped.
        let rights = (1..self.width).rev().step_by(2);
        for right in rights.map(|x| if x <= 6 { x - 1 } else { x }) {
            for step in 0..self.width {
                let y = if upwards { self.width - 1 - step } else { step };
                for x in [right, right.wrapping_sub(1)] {
                    if self.at(x, y) == Module::Free {
                        self.set(x, y, Module::Data(bit(placed)));
                        placed += 1;
                    }
                }
            }
            upwards = !upwards;
        }
    }

    /// Applies a mask (§7.8.2) and adds the format information (§7.9), which names the mask.
    fn masked(&self, mask: u8) -> Symbol {
        let mut symbol = self.clone();
        for y in 0..self.width {
            for x in 0..self.width {
                let flips = match mask {
                    0 => (x + y) % 2 == 0,
                    1 => y % 2 == 0,
                    2 => x % 3 == 0,
                    3 => (x + y) % 3 == 0,
                    4 => (x / 3 + y / 2) % 2 == 0,
                    5 => x * y % 2 + x * y % 3 == 0,
                    6 => (x * y % 2 + x * y % 3) % 2 == 0,
                    _ => ((x + y) % 2 + x * y % 3) % 2 == 0,
                };
                if let Module::Data(bit) = self.at(x, y) {
                    symbol.set(x, y, Module::Data(bit ^ flips));
                }
            }
        }
        let format = format_information(mask);
        let last = self.width - 1;
        for bit in 0..15 {
            let module = Module::Fixed(format >> bit & 1 == 1);
            // Figure 25: from the lowest bit on, beside the upper left finder, and a second time
            // beside the two others.
            let (x, y) = match bit {
                0..=5 => (8, bit),
                6..=7 => (8, bit + 1),
                8 => (7, 8),
                _ => (14 - bit, 8),
            };
            symbol.set(x, y, module);
            match bit {
                0..=7 => symbol.set(last - bit, 8, module),
                _ => symbol.set(8, last - (14 - bit), module),
            }
        }
        symbol.set(8, last - 7, Module::Fixed(true));
        symbol
    }

    /// Table 11: runs, squares, patterns like a finder, and too much of one colour.
    fn penalty(&self) -> usize {
        let mut penalty = 0;
        for line in 0..self.width {
            let row: Vec<bool> = (0..self.width).map(|at| self.is_dark(at, line)).collect();
            let column: Vec<bool> = (0..self.width).map(|at| self.is_dark(line, at)).collect();
            penalty += line_penalty(&row) + line_penalty(&column);
        }
        for y in 1..self.width {
            for x in 1..self.width {
                let dark = self.is_dark(x, y);
                let same = [(x - 1, y), (x, y - 1), (x - 1, y - 1)];
                if same.into_iter().all(|(x, y)| self.is_dark(x, y) == dark) {
                    penalty += 3;
                }
            }
        }
        let all = self.modules.len();
        let dark = (0..all).filter(|at| self.is_dark(at % self.width, at / self.width)).count();
        // Ten for each full 5 % away from one half.
        penalty + (2 * dark).abs_diff(all) * 10 / all * 10
    }
}

fn line_penalty(line: &[bool]) -> usize {
    let mut penalty = 0;
    for run in line.chunk_by(|a, b| a == b) {
        if run.len() >= 5 {
            penalty += run.len() - 2;
        }
    }
    let finder = [true, false, true, true, true, false, true];
    let light = [false; 4];
    let alike = |window: &&[bool]| {
        window.strip_prefix(&light) == Some(&finder) || window.strip_suffix(&light) == Some(&finder)
    };
    penalty + 40 * line.windows(11).filter(alike).count()
}

/// §7.4: mode, length, bytes, terminator, and padding up to `length` codewords.
fn data_codewords(text: &[u8], length: usize) -> Vec<u8> {
    const BYTE_MODE: u8 = 4;
    let mut nibbles = vec![BYTE_MODE];
    let text_length = text.len() as u8;
    for byte in [text_length].iter().chain(text) {
        nibbles.extend([byte >> 4, byte & 15]);
    }
    nibbles.push(0);
    let pairs = nibbles.chunks_exact(2);
    let mut codewords: Vec<u8> =
        pairs.map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble)).collect();
    let mut padding = 0xec;
    while codewords.len() < length {
        codewords.push(padding);
        padding ^= 0xec ^ 0x11;
    }
    codewords
}

/// §7.5, §7.6: adds error correction to each block, and interleaves the blocks.
fn with_correction(data: &[u8], version: &Version) -> Vec<u8> {
    let blocks: Vec<&[u8]> = data.chunks(version.data_per_block).collect();
    let correction: Vec<Vec<u8>> =
        blocks.iter().map(|block| remainder(block, version.correction_per_block)).collect();
    let mut codewords = Vec::new();
    for at in 0..version.data_per_block {
        blocks.iter().for_each(|block| codewords.extend(block.get(at)));
    }
    for at in 0..version.correction_per_block {
        correction.iter().for_each(|block| codewords.extend(block.get(at)));
    }
    codewords
}

/// The error correction codewords: the remainder of the data, as a polynomial over GF(256), by
/// the generator (x - 1)(x - 2)(x - 4)...
fn remainder(data: &[u8], length: usize) -> Vec<u8> {
    let mut generator = vec![1_u8];
    let mut root = 1;
    for _ in 0..length {
        let shifted: Vec<u8> = generator.iter().map(|&term| multiply(term, root)).collect();
        generator.push(0);
        for (term, shifted) in generator.iter_mut().skip(1).zip(shifted) {
            *term ^= shifted;
        }
        root = multiply(root, 2);
    }
    let mut rest = vec![0_u8; length];
    for &byte in data {
        let factor = byte ^ rest.first().copied().unwrap_or(0);
        rest.rotate_left(1);
        if let Some(last) = rest.last_mut() {
            *last = 0;
        }
        for (rest, &term) in rest.iter_mut().zip(generator.iter().skip(1)) {
            *rest ^= multiply(term, factor);
        }
    }
    rest
}

/// In GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1.
fn multiply(a: u8, b: u8) -> u8 {
    let mut product = 0_u8;
    for bit in (0..8).rev() {
        let carry = product >> 7;
        product = (product << 1) ^ (carry * 0x1d) ^ ((b >> bit & 1) * a);
    }
    product
}

/// §7.9.1: level and mask, ten bits of BCH error correction, and a mask of their own.
fn format_information(mask: u8) -> u16 {
    const LEVEL_M: u16 = 0;
    let data = LEVEL_M << 3 | u16::from(mask);
    let mut rest = data << 10;
    for bit in (10..15).rev() {
        if rest >> bit & 1 == 1 {
            rest ^= 0x537 << (bit - 10);
        }
    }
    (data << 10 | rest) ^ 0x5412
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_correction_of_known_blocks() {
        // 1-M "01234567" of ISO/IEC 18004 annex I, and 1-M "HELLO WORLD", known from tutorials.
        let rows: [(&[u8], &[u8]); 2] = [
            (
                &[16, 32, 12, 86, 97, 128, 236, 17, 236, 17, 236, 17, 236, 17, 236, 17],
                &[165, 36, 212, 193, 237, 54, 199, 135, 44, 85],
            ),
            (
                &[32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17],
                &[196, 35, 39, 119, 235, 215, 231, 226, 93, 23],
            ),
        ];
        for (data, correction) in rows {
            assert_eq!(remainder(data, 10), correction);
        }
    }

    #[test]
    fn format_information_of_table_c_1() {
        let rows = [0x5412, 0x5125, 0x5e7c, 0x5b4b, 0x45f9, 0x40ce, 0x4f97, 0x4aa0];
        for (mask, format) in (0..).zip(rows) {
            assert_eq!(format_information(mask), format, "mask {mask}");
        }
    }

    #[test]
    fn data_is_padded() {
        assert_eq!(data_codewords(b"ab", 8), [0x40, 0x26, 0x16, 0x20, 0xec, 0x11, 0xec, 0x11]);
        assert_eq!(data_codewords(b"abc", 5), [0x40, 0x36, 0x16, 0x26, 0x30]);
    }

    #[test]
    fn the_smallest_version_that_holds_the_text() {
        // Table 7, byte mode at level M.
        for (length, width) in [
            (0, Some(21)),
            (14, Some(21)),
            (15, Some(25)),
            (26, Some(25)),
            (42, Some(29)),
            (62, Some(33)),
            (84, Some(37)),
            (106, Some(41)),
            (107, None),
        ] {
            let symbol = Symbol::encode(&"x".repeat(length));
            assert_eq!(symbol.map(|symbol| symbol.width), width, "{length}");
        }
    }

    #[test]
    fn runs_and_finders_are_penalised() {
        let line = |text: &str| text.bytes().map(|byte| byte == b'#').collect::<Vec<_>>();
        for (text, penalty) in [
            ("#.#.#.#.#.#", 0),
            ("#####.#.#.#", 3),
            ("######.#.#.", 4),
            (".....#####.", 6),
            ("....#.###.#", 40),
            ("#.###.#....", 40),
            ("....#.###.#....", 80),
        ] {
            assert_eq!(line_penalty(&line(text)), penalty, "{text}");
        }
    }

    #[test]
    fn a_drawing_has_its_quiet_zone_and_its_colours() {
        let symbol = Symbol::encode("http://[::1]/").expect("short");
        let plain = symbol.draw(Ink::Plain);
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines.len(), 15);
        assert_eq!(lines[0], "█".repeat(29));
        assert!(lines[2].starts_with("████ ▄▄▄▄▄ "), "{}", lines[2]);
        assert!(lines.iter().all(|line| line.chars().count() == 29));
        let coloured = symbol.draw(Ink::Colours);
        let first = coloured.lines().next().expect("a line");
        assert_eq!(first, format!("\x1b[38;5;16;48;5;231m{}\x1b[0m", " ".repeat(29)));
    }

    /// For `scripts/check-qr`: a drawing of each length, which a real decoder reads back.
    #[test]
    #[ignore = "scripts/check-qr runs it"]
    fn drawings_for_a_decoder() {
        let text =
            "http://[2001:db8:ebbd:0:4d18:71cd:b814:9508]:8080/a-longer-path/%C3%A4/0123456789"
                .repeat(2);
        for length in 1..=106 {
            let (text, _) = text.split_at(length);
            let symbol = Symbol::encode(text).expect("short enough");
            println!("text {text}\n{}", symbol.draw(Ink::Plain));
        }
    }
}
