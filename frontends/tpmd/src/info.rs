//! What the control channel tells about the TPM (GET_INFO), in swtpm's words.

use ironroot_tpm::{Profile, REVISION};

/// Flags of GET_INFO.
const SPECIFICATION: u64 = 1;
const ATTRIBUTES: u64 = 2;
const FEATURES: u64 = 4;

/// RSA keys there can be, in bits.
pub(crate) const RSA_BITS: [u32; 4] = [1024, 2048, 3072, 4096];

/// One JSON object with the parts that `flags` asks for; unknown flags ask for nothing.
pub(crate) fn json(flags: u64, profile: &Profile) -> String {
    let mut parts = Vec::new();
    if flags & SPECIFICATION != 0 {
        parts.push(format!(
            r#""TPMSpecification":{{"family":"2.0","level":0,"revision":{REVISION}}}"#
        ));
    }
    if flags & ATTRIBUTES != 0 {
        // The manufacturer is IBM's PCI number, as swtpm puts it into certificates.
        let [version, _] = profile.identity.firmware;
        parts.push(format!(
            r#""TPMAttributes":{{"manufacturer":"id:00001014","version":"id:{version:08X}","model":"swtpm"}}"#
        ));
    }
    if flags & FEATURES != 0 {
        let bits = RSA_BITS.map(|bits| bits.to_string()).join(",");
        parts.push(format!(r#""TPMFeatures":{{"RSAKeySizes":[{bits}]}}"#));
    }
    format!("{{{}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_asks_for_its_part() {
        let all = json(7, &Profile::PC_CLIENT);
        for (flag, part) in [
            (1, "TPMSpecification"),
            (2, "TPMAttributes"),
            (4, "TPMFeatures"),
        ] {
            assert!(all.contains(part));
            let one = json(flag, &Profile::PC_CLIENT);
            assert!(one.contains(part) && one.len() < all.len());
        }
        assert_eq!(json(0xffff_fff8, &Profile::PC_CLIENT), "{}");
    }
}
