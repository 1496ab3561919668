//! Authentication of shared data. Any code with the same `vm_id` can read and write shared data.
//! Therefore, without the whole configuration and its secrets, names must be impossible to guess and values impossible
//! to forge. Keyed BLAKE2b (RFC 7693 §2.9) provides both.

use blake2b_simd::{Hash, Params};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Length of the tag at the end of a value, in bytes.
const TAG: usize = 32;

/// The key of one configuration, including its secrets. It is the same in all VMs with this configuration, and
/// different in all others.
#[derive(Clone)]
pub struct Mac(Arc<Zeroizing<[u8; TAG]>>);

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(redacted)")
    }
}

impl Mac {
    pub fn of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut state = Params::new()
            .hash_length(TAG)
            .personal(b"entragate seal")
            .to_state();
        for part in parts {
            state.update(&size_of_part(part)).update(part);
        }
        let mut key = Zeroizing::new([0; TAG]);
        key.iter_mut()
            .zip(state.finalize().as_bytes())
            .for_each(|(to, from)| *to = *from);
        Self(Arc::new(key))
    }

    /// Returns a key for another purpose. `purpose` is at most 16 bytes long.
    pub fn derive(&self, purpose: &[u8], input: &[u8]) -> [u8; 16] {
        let mut key = [0; 16];
        let hash = self.hash(purpose, &[input]);
        key.iter_mut()
            .zip(hash.as_bytes())
            .for_each(|(to, from)| *to = *from);
        key
    }

    /// Returns the name of an entry in shared data.
    pub fn name(&self, of: &str) -> String {
        let hash = self.hash(b"entragate name", &[of.as_bytes()]);
        format!("entragate/{}", hash.to_hex())
    }

    /// Appends the tag to content; the tag is valid only for this name.
    pub fn close(&self, name: &str, mut content: Vec<u8>) -> Vec<u8> {
        let tag = self.tag(name, &content);
        content.extend_from_slice(tag.as_bytes());
        content
    }

    /// Returns the content of a value with a valid tag for this name.
    pub fn open<'v>(&self, name: &str, value: &'v [u8]) -> Option<&'v [u8]> {
        let (content, tag) = value.split_at_checked(value.len().checked_sub(TAG)?)?;
        // The comparison takes constant time.
        (self.tag(name, content) == *tag).then_some(content)
    }

    fn tag(&self, name: &str, content: &[u8]) -> Hash {
        self.hash(b"entragate value", &[name.as_bytes(), content])
    }

    fn hash(&self, purpose: &[u8], parts: &[&[u8]]) -> Hash {
        let mut state = Params::new()
            .hash_length(TAG)
            .personal(purpose)
            .key(&self.0[..])
            .to_state();
        for part in parts {
            state.update(&size_of_part(part)).update(part);
        }
        state.finalize()
    }
}

fn size_of_part(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(secret: &str) -> Mac {
        Mac::of([b"configuration".as_slice(), secret.as_bytes()])
    }

    #[test]
    fn only_an_unchanged_value_with_the_same_name_and_key_is_authentic() {
        let own = mac("one");
        let value = own.close("head", b"content".to_vec());
        assert_eq!(own.open("head", &value), Some(b"content".as_slice()));
        assert_eq!(own.open("body", &value), None, "another name");
        assert_eq!(mac("two").open("head", &value), None, "another secret");
        for at in 0..value.len() {
            let mut forged = value.clone();
            forged[at] ^= 1;
            assert_eq!(own.open("head", &forged), None, "byte {at}");
            assert_eq!(own.open("head", &value[..at]), None, "cut at {at}");
        }
        let empty = own.close("head", Vec::new());
        assert_eq!(own.open("head", &empty), Some([].as_slice()));
    }

    #[test]
    fn name_depends_on_the_configuration() {
        assert_eq!(mac("one").name("keys"), mac("one").name("keys"));
        assert_ne!(mac("one").name("keys"), mac("two").name("keys"));
        assert_ne!(mac("one").name("keys"), mac("one").name("feed"));
        let parted = |parts: [&'static [u8]; 2]| Mac::of(parts).name("keys");
        assert_ne!(parted([b"ab", b"c"]), parted([b"a", b"bc"]));
    }
}
