//! The picture read back, and the pictures that cannot be.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn any_images() -> impl Strategy<Value = Images> {
    (1usize..12, prop_oneof![Just(1usize), Just(3)], 1usize..8, 1usize..8).prop_flat_map(|(count, channels, height, width)| {
        let pixels = prop::collection::vec(1u8.., count * channels * height * width);
        pixels.prop_map(move |pixels| Images { count, channels, height, width, pixels })
    })
}

fn decode(bytes: &[u8]) -> (png::OutputInfo, Vec<u8>) {
    let mut reader = Decoder::new(Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info, pixels)
}

proptest! {
    #[test]
    fn every_pixel_is_where_it_belongs_and_the_rest_is_black(images in any_images(), columns in 1usize..15) {
        let (info, picture) = decode(&grid_png(&images, columns).unwrap());
        let Images { count, channels, height, width, .. } = images;
        let columns = columns.min(count);
        prop_assert_eq!(info.width as usize, columns * (width + 2) + 2);
        prop_assert_eq!(info.height as usize, count.div_ceil(columns) * (height + 2) + 2);
        let mut coloured = 0;
        for (i, &pixel) in images.pixels.iter().enumerate() {
            let (x, y, channel, image) = (i % width, i / width % height, i / width / height % channels, i / width / height / channels);
            let (row, column) = (2 + image / columns * (height + 2) + y, 2 + image % columns * (width + 2) + x);
            prop_assert_eq!(picture[(row * info.width as usize + column) * channels + channel], pixel);
            coloured += 1;
        }
        prop_assert_eq!(picture.iter().filter(|&&byte| byte != 0).count(), coloured);
    }
}

#[test]
fn the_bytes_are_the_same_everywhere() {
    use sha2::{Digest, Sha256};
    let pixels = (0..10 * 16 * 16).map(|i| (i * i / 50 % 256) as u8).collect();
    let bytes = grid_png(&Images { count: 10, channels: 1, height: 16, width: 16, pixels }, 4).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    // A change of this digest changes every picture: it must be meant.
    assert_eq!(digest, "3d358397aa51ab1f9666b086cc6d9eb7c64b75e7c890c9a9d274fa15e55c9c4f");
}

#[test]
fn impossible_pictures_are_told() {
    let image = Images { count: 1, channels: 1, height: 2, width: 2, pixels: vec![0; 4] };
    let cases = [
        (Images { count: 0, pixels: vec![], ..image }, 1),
        (Images { channels: 2, pixels: vec![0; 8], ..image }, 1),
        (image.clone(), 0),
        (Images { count: 2, ..image.clone() }, 1),
        (Images { count: usize::MAX, ..image.clone() }, 1),
        (Images { count: 1 << 25, height: 1, width: 1, pixels: vec![0; 1 << 25], ..image }, 5000),
    ];
    let messages: String =
        cases.iter().map(|(images, columns)| fsvae_cli::describe(&grid_png(images, *columns).unwrap_err(), false) + "\n").collect();
    insta::assert_snapshot!("messages", messages);
}
