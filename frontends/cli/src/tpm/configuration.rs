//! Files of lines `name = value`, `#` begins a comment: `swtpm_setup.conf`, `swtpm-localca.conf`.

/// The value of a name; the first line that has it counts, an empty value is none.
pub(crate) fn value(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, rest) = line.split_once('=')?;
        if key.trim_end() != name {
            return None;
        }
        let value = rest.split('#').next().unwrap_or_default().trim();
        (!value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_and_comments_are_left_out() {
        let text = "# create = no\nactive_pcr_banks = sha256,sha384\t# two\ncreate=/a b\n empty = x\nempty =\n";
        assert_eq!(
            value(text, "active_pcr_banks").as_deref(),
            Some("sha256,sha384")
        );
        assert_eq!(value(text, "create").as_deref(), Some("/a b"));
        assert_eq!(value(text, "empty"), None);
        assert_eq!(value(text, "pcr_banks"), None);
    }
}
