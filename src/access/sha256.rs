//! SHA-256 (FIPS 180-4 §6.2).

/// A digest.
pub type Digest = [u8; 32];

/// Computes the digest of bytes that come in pieces.
#[derive(Clone)]
pub struct Sha256 {
    state: [u32; 8],
    /// The beginning of the last block.
    block: [u8; BLOCK_BYTES],
    length: u64,
}

const BLOCK_BYTES: usize = 64;

impl Sha256 {
    /// No bytes yet.
    pub fn new() -> Sha256 {
        Sha256 { state: INITIAL, block: [0; BLOCK_BYTES], length: 0 }
    }

    /// The digest of one piece.
    pub fn of(bytes: &[u8]) -> Digest {
        let mut sha = Sha256::new();
        sha.update(bytes);
        sha.finish()
    }

    /// Adds bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let filled = (self.length % BLOCK_BYTES as u64) as usize;
            let room = self.block.get_mut(filled..).unwrap_or_default();
            let count = room.len().min(bytes.len());
            let (now, later) = bytes.split_at(count);
            if let Some(room) = room.get_mut(..count) {
                room.copy_from_slice(now);
            }
            self.length += count as u64;
            if filled + count == BLOCK_BYTES {
                compress(&mut self.state, &self.block);
            }
            bytes = later;
        }
    }

    /// The digest. §5.1.1: a bit, zeros, and the length in bits fill the last block.
    pub fn finish(mut self) -> Digest {
        let bits = self.length.wrapping_mul(8).to_be_bytes();
        let filled = (self.length % BLOCK_BYTES as u64) as usize;
        let zeros = (2 * BLOCK_BYTES - 9 - filled) % BLOCK_BYTES;
        self.update(&[0x80]);
        self.update([0; BLOCK_BYTES].get(..zeros).unwrap_or_default());
        self.update(&bits);
        let mut digest = [0; 32];
        for (to, word) in digest.chunks_exact_mut(4).zip(self.state) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }
}

impl Default for Sha256 {
    fn default() -> Sha256 {
        Sha256::new()
    }
}

impl std::fmt::Debug for Sha256 {
    /// Wipes the bytes: they may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sha256({} bytes)", self.length)
    }
}

/// §6.2.2. The schedule is made sixteen words at a time, over the words before.
fn compress(state: &mut [u32; 8], block: &[u8; BLOCK_BYTES]) {
    #[cfg(test)]
    COMPRESSIONS.with(|count| count.set(count.get() + 1));
    let mut words = [0_u32; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.try_into().map_or(0, u32::from_be_bytes);
    }
    let mut mixed = *state;
    for (turn, constants) in CONSTANTS.chunks_exact(16).enumerate() {
        if turn > 0 {
            extend(&mut words);
        }
        let mut sums = words;
        for (sum, constant) in sums.iter_mut().zip(constants) {
            *sum = sum.wrapping_add(*constant);
        }
        for sums in sums.chunks_exact(4) {
            let &[one, two, three, four] = sums else {
                return;
            };
            let [a, b, c, d, e, f, g, h] = mixed;
            let (d, h) = round([a, b, c, d, e, f, g, h], one);
            let (c, g) = round([h, a, b, c, d, e, f, g], two);
            let (b, f) = round([g, h, a, b, c, d, e, f], three);
            let (a, e) = round([f, g, h, a, b, c, d, e], four);
            mixed = [e, f, g, h, a, b, c, d];
        }
    }
    for (word, mixed) in state.iter_mut().zip(mixed) {
        *word = word.wrapping_add(mixed);
    }
}

/// Only two of the eight words change: the fourth and the last become the fifth and the first.
#[inline(always)]
fn round([a, b, c, d, e, f, g, h]: [u32; 8], sum: u32) -> (u32, u32) {
    let sum_1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let choice = g ^ (e & (f ^ g));
    let first = h.wrapping_add(sum_1).wrapping_add(choice).wrapping_add(sum);
    let sum_0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let majority = (a & b) | (c & (a | b));
    let second = sum_0.wrapping_add(majority);
    (d.wrapping_add(first), first.wrapping_add(second))
}

/// The next sixteen words of the schedule.
fn extend(words: &mut [u32; 16]) {
    for at in 0..16 {
        let word = |ahead: usize| words.get((at + ahead) % 16).copied().unwrap_or_default();
        let (old, new) = (word(1), word(14));
        let sigma_0 = old.rotate_right(7) ^ old.rotate_right(18) ^ old >> 3;
        let sigma_1 = new.rotate_right(17) ^ new.rotate_right(19) ^ new >> 10;
        let next = sigma_1.wrapping_add(word(9)).wrapping_add(sigma_0).wrapping_add(word(0));
        if let Some(slot) = words.get_mut(at) {
            *slot = next;
        }
    }
}

/// §5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// §4.2.2.
const CONSTANTS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// The digest of all parts, one after the other.
pub fn digest_of(parts: &[&[u8]]) -> Digest {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    sha.finish()
}

#[cfg(test)]
thread_local! {
    static COMPRESSIONS: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
}

/// How many blocks `work` compresses in this thread: a measure of its time on any machine.
#[cfg(test)]
pub(super) fn compressions(work: impl FnOnce()) -> u64 {
    let before = COMPRESSIONS.get();
    work();
    COMPRESSIONS.get() - before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digest: Digest) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_are_those_of_fips_180() {
        let million = vec![b'a'; 1_000_000];
        let rows: [(&[u8], &str); 5] = [
            (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (
                b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
            ),
            (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ];
        for (bytes, expected) in rows {
            assert_eq!(hex(Sha256::of(bytes)), expected);
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        // SHA-256 over the digests of all lengths that meet the padding in another way.
        let bytes: Vec<u8> = (0..200_u8).collect();
        let mut all = Sha256::new();
        for length in 0..=bytes.len() {
            let whole = Sha256::of(&bytes[..length]);
            for cut in [0, 1, 55, 56, 63, 64, 65, length / 2] {
                let (first, second) = bytes[..length].split_at(cut.min(length));
                let mut sha = Sha256::new();
                sha.update(first);
                sha.update(second);
                assert_eq!(sha.finish(), whole, "{length} bytes, cut at {cut}");
            }
            all.update(&whole);
        }
        assert_eq!(
            hex(all.finish()),
            "64ef7c229fce2408b5336b6a542fea0e078c3a87d2da85cb3fc52e2008b65021"
        );
    }
}
