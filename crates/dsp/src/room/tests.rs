use super::*;
use crate::devices::Kind;
use crate::proof::{made, play_stereo, rows};

#[test]
fn en27_reflections_are_those_of_mirrored_sources() {
    let rows = rows(include_str!("../../theory/room.txt"));
    assert_eq!(rows.len(), 4 * IMAGES);
    for rows in rows.chunk_by(|a, b| a[..4] == b[..4]) {
        let ear = rows[0][3] as usize;
        let mut made = reflections(rows[0][0] as f32, rows[0][1] as f32, rows[0][2] as u32)[ear].to_vec();
        let mut theory: Vec<_> = rows.iter().map(|row| (row[4], row[5])).collect();
        made.sort_by_key(|r| (r.frames, (r.factor * 1e6) as i64));
        theory.sort_by(|a, b| (a.0.round(), a.1).partial_cmp(&(b.0.round(), b.1)).expect("numbers"));
        for (reflection, (frames, factor)) in made.iter().zip(theory) {
            assert!((f64::from(reflection.frames) - frames).abs() <= 0.5001, "{reflection:?}, {frames}");
            assert!((f64::from(reflection.factor) - factor).abs() < 1e-5, "{reflection:?}, {factor}");
        }
    }
}

#[test]
fn en27_the_room_plays_each_reflection_at_its_frame() {
    let values = [("size", 12.0), ("absorption", 20.0), ("preDelay", 10.0), ("highCut", 20_000.0), ("mix", 100.0)];
    let mut impulse = vec![0.0; 20_000];
    impulse[0] = 1.0;
    let (left, right) = play_stereo(&mut *made(Kind::Room, 48_000, &values), &impulse, &impulse);
    for (ear, out) in reflections(12.0, 20.0, 48_000).iter().zip([left, right]) {
        let mut expected = vec![0.0f32; 20_000];
        for reflection in ear {
            expected[reflection.frames as usize + 480] += reflection.factor;
        }
        assert!(out.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!(expected.iter().filter(|x| **x != 0.0).count() > 50);
    }
}

#[test]
fn en27_larger_rooms_answer_later_and_harder_walls_louder() {
    let all = |size: f32, absorption: f32| reflections(size, absorption, 48_000)[0];
    for (small, large) in all(5.0, 30.0).iter().zip(&all(20.0, 30.0)) {
        assert!(small.frames < large.frames);
    }
    for (hard, soft) in all(5.0, 10.0).iter().zip(&all(5.0, 80.0)) {
        assert!(hard.factor > soft.factor);
    }
}
