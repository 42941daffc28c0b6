//! What holds for every size; that it is Pillow's resize is shown in tests/pillow.rs.

use proptest::prelude::*;

use crate::Images;

fn side() -> std::ops::Range<usize> {
    1..40
}

fn any_images() -> impl Strategy<Value = Images> {
    (1usize..4, 1usize..4, side(), side()).prop_flat_map(|(count, channels, height, width)| {
        let pixels = prop::collection::vec(any::<u8>(), count * channels * height * width);
        pixels.prop_map(move |pixels| Images { count, channels, height, width, pixels })
    })
}

proptest! {
    #[test]
    fn the_same_size_is_the_same_image(images in any_images()) {
        prop_assert_eq!(images.resized_to(images.height, images.width), images);
    }

    #[test]
    fn a_mean_lies_between_the_extremes(images in any_images(), height in side(), width in side()) {
        let resized = images.resized_to(height, width);
        prop_assert_eq!(resized.pixels.len(), images.count * images.channels * height * width);
        let planes = images.pixels.chunks(images.height * images.width).zip(resized.pixels.chunks(height * width));
        for (from, to) in planes {
            let (least, most) = (from.iter().min(), from.iter().max());
            prop_assert!(to.iter().min() >= least && to.iter().max() <= most);
        }
    }

    #[test]
    fn planes_do_not_mix_and_threads_do_not_matter(images in any_images(), size in side(), threads in 1usize..5) {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let together = threads.install(|| images.resized(size));
        let plane = images.height * images.width;
        let alone: Vec<u8> = images.pixels.chunks(plane).flat_map(|pixels| {
            Images { count: 1, channels: 1, pixels: pixels.to_vec(), ..images }.resized(size).pixels
        }).collect();
        prop_assert_eq!(together.pixels, alone);
    }
}

#[test]
fn no_images_and_no_size_are_no_pixels() {
    let none = Images { count: 0, channels: 1, height: 28, width: 28, pixels: vec![] };
    assert!(none.resized(32).pixels.is_empty());
    assert!(Images { count: 1, pixels: vec![7; 784], ..none }.resized(0).pixels.is_empty());
}
