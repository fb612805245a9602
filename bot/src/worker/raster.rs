//! SVG to PNG. Fonts and the renderer are loaded for a picture and let go after it: most days there is none.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Options, Tree};

const FONTS: [&[u8]; 2] = [
    include_bytes!("../../assets/fonts/DejaVuSans.subset.ttf"),
    include_bytes!("../../assets/fonts/DejaVuSans-Bold.subset.ttf"),
];

/// Draws a picture of our own making.
pub fn png(svg: &str) -> anyhow::Result<Vec<u8>> {
    let mut fonts = usvg::fontdb::Database::new();
    for font in FONTS {
        fonts.load_font_data(font.to_vec());
    }
    let options = Options {
        fontdb: std::sync::Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| anyhow::anyhow!("a picture of no size"))?;
    resvg::render(&tree, Transform::default(), &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::chart::{self, Chart};
    use crate::store::Week;

    /// Ink of a word, as the number of pixels that are not white.
    fn ink(word: &str) -> usize {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="400" height="60" font-family="DejaVu Sans"><rect width="400" height="60" fill="white"/><text x="5" y="40" font-size="30">{word}</text></svg>"#
        );
        let pixels = Pixmap::decode_png(&png(&svg).unwrap()).unwrap();
        pixels
            .pixels()
            .iter()
            .filter(|pixel| pixel.red() < 255)
            .count()
    }

    #[test]
    fn the_picture_of_a_week_is_drawn_whole() {
        let svg = chart::svg(&Chart {
            partner: "Анна Север",
            monday: "2026-11-16".parse().unwrap(),
            week: &Week {
                came: 40,
                answered: 27,
                contacts: 11,
                handled: 8,
            },
            days: [4, 8, 3, 9, 7, 6, 3],
            before: 32,
        });
        let drawn = png(&svg).unwrap();
        let pixels = Pixmap::decode_png(&drawn).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (1080, 1080));
        if let Some(dir) = std::env::var_os("PICTURES") {
            std::fs::write(std::path::Path::new(&dir).join("week.png"), drawn).unwrap();
        }
    }

    #[test]
    fn letters_of_russian_and_kazakh_are_drawn() {
        assert_eq!(ink(" "), 0);
        for letter in "АЯаяЁёӘәҒғҚқҢңӨөҰұҮүҺһІі09–%·".chars() {
            assert!(ink(&letter.to_string()) > 3, "{letter} is not in the font");
        }
        assert_eq!(ink("中"), 0, "this test must see a letter that is missing");
    }
}
