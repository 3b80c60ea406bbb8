//! From bytes to text that may be a wg-quick file.

use super::ImportError;

/// Size of the largest file that is read, in bytes.
pub const MAX_SIZE: usize = 1 << 20;

const BYTE_ORDER_MARK: char = '\u{feff}';
/// Directives that nearly every OpenVPN client profile has.
const OPENVPN: [&str; 5] = ["client", "remote", "auth-user-pass", "tls-client", "<ca>"];

/// The text of a file, without its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, ImportError> {
    if bytes.len() > MAX_SIZE {
        return Err(ImportError::TooLarge);
    }
    let text = str::from_utf8(bytes).map_err(|_| ImportError::NotText)?;
    if text.contains('\0') {
        return Err(ImportError::NotText);
    }
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    if is_openvpn(text) {
        return Err(ImportError::OpenVpn);
    }
    if text.trim_start().starts_with('<') {
        return Err(ImportError::Markup);
    }
    Ok(text)
}

/// The lines of a text with their numbers from 1, ended as on Unix, Windows or the old Mac.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = if text.contains('\n') { '\n' } else { '\r' };
    text.split(end).enumerate().map(|(index, line)| (index + 1, line))
}

fn is_openvpn(text: &str) -> bool {
    lines(text)
        .filter_map(|(_, line)| line.split_whitespace().next())
        .any(|word| OPENVPN.contains(&word))
}
