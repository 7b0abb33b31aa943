//! The corpus gives the same bits, whatever the blocks; and what it should give, by a slow and plain computation.

mod support;

use engine::{Clip, LaneTarget, Plan, Tempo, render};
use support::songs::{self, Case};
use support::{Blocks, bits, first_difference, play, reader};

#[test]
fn en13_block_sizes_change_no_bit() {
    for case in songs::all() {
        let reference = play(&case, Blocks::all()[0]);
        assert!(reference[0].iter().any(|x| *x != 0.0), "{} is silent", case.name);
        assert!(reference.iter().flatten().all(|x| x.is_finite()), "{}", case.name);
        for blocks in &Blocks::all()[1..] {
            assert_eq!(first_difference(&reference, &play(&case, *blocks)), None, "{} in {blocks:?}", case.name);
        }
    }
}

/// The master's volume, or the first point of the lane that stands in its place.
fn master_volume(case: &mut Case) -> &mut f64 {
    let master = &mut case.song.master;
    match master.lanes.iter_mut().find(|lane| lane.target == LaneTarget::Volume) {
        Some(lane) => &mut lane.points[0].value,
        None => &mut master.volume,
    }
}

#[test]
fn en13_one_ulp_of_a_gain_or_of_a_sample_changes_the_bits() {
    for mut case in songs::all() {
        let before = bits(&play(&case, Blocks::Of(128)));
        let volume = *master_volume(&mut case);
        *master_volume(&mut case) = f64::from((volume as f32).next_up());
        assert!(before != bits(&play(&case, Blocks::Of(128))), "{}: the master", case.name);
        *master_volume(&mut case) = volume;
        // A sum may round a single sample's last bit away, so a few samples are tried.
        let changed = (0..16).any(|attempt| {
            let channels = &mut case.recordings.last_mut().unwrap().1;
            let sample = channels[0][5_000..].iter_mut().filter(|x| x.abs() > 0.4).nth(97 * attempt).unwrap();
            *sample = f32::from_bits(sample.to_bits() ^ 1);
            before != bits(&play(&case, Blocks::Of(128)))
        });
        assert!(changed, "{}: a sample", case.name);
    }
}

#[test]
fn en9_export_gives_the_bits_that_playing_from_the_start_gives() {
    let is_exported = |c: &Case| !c.metronome && c.loop_ticks.is_none() && c.start_ticks == 0 && c.acts.is_empty();
    for case in songs::all().into_iter().filter(is_exported) {
        let plan = Plan::compile(&case.song).unwrap();
        let mut rendered = [Vec::new(), Vec::new()];
        render(&plan.view(), &mut reader(&case), 0..case.frames as i64, |left, right| {
            rendered[0].extend_from_slice(left);
            rendered[1].extend_from_slice(right);
            Ok::<_, ()>(())
        })
        .unwrap();
        // An export leaves out the frames by which everything is late.
        let late = plan.view().latency() as usize;
        let played = play(&case, Blocks::Of(128)).map(|channel| channel[late..].to_vec());
        let rendered = rendered.map(|channel| channel[..case.frames - late].to_vec());
        assert_eq!(first_difference(&rendered, &played), None, "{}", case.name);
    }
}

/// What a case without conversion should give, frame by frame and in f64, straight from the rules' text.
fn by_the_rules(case: &Case) -> [Vec<f64>; 2] {
    let song = &case.song;
    let tempo = Tempo::new(song.bpm_milli, song.sample_rate).expect("a tempo of the corpus");
    let any_solo = song.tracks.iter().any(|track| track.solo);
    let mut sum = [vec![0.0; case.frames], vec![0.0; case.frames]];
    for track in song.tracks.iter().filter(|track| !track.muted && (track.solo || !any_solo)) {
        let far = libm::cos(track.pan.abs() * core::f64::consts::FRAC_PI_2);
        let pan = [if track.pan > 0.0 { far } else { 1.0 }, if track.pan < 0.0 { far } else { 1.0 }];
        for clip in &track.clips {
            let channels =
                &case.recordings.iter().find(|(id, _)| *id == clip.source).expect("a recording of the corpus").1;
            let end_ticks = clip.start_ticks + clip.duration_ticks;
            let (start, end) = (tempo.frame(clip.start_ticks), tempo.frame(end_ticks));
            let fade_in = (tempo.frame(clip.start_ticks + clip.fade_in_ticks) - start) as f64;
            let fade_out = (end - tempo.frame(end_ticks - clip.fade_out_ticks)) as f64;
            let offset = (clip.source_offset_seconds * f64::from(song.sample_rate)).round() as i64;
            for n in start.max(0)..end.min(case.frames as i64) {
                let rise = if fade_in > 0.0 { ((n - start) as f64 / fade_in).min(1.0) } else { 1.0 };
                let fall = if fade_out > 0.0 { ((end - n) as f64 / fade_out).min(1.0) } else { 1.0 };
                for side in 0..2 {
                    let recording = channels.get(side).unwrap_or(&channels[0]);
                    let sample = recording.get((n - start + offset) as usize).copied().unwrap_or(0.0);
                    let factor = clip.gain * rise * fall * track.volume * pan[side] * song.master.volume;
                    sum[side][n as usize] += f64::from(sample) * factor;
                }
            }
        }
    }
    sum
}

/// The same in f32, operation by operation in the order that the rules state.
fn in_the_stated_order(case: &Case) -> [Vec<f32>; 2] {
    let song = &case.song;
    let tempo = Tempo::new(song.bpm_milli, song.sample_rate).expect("a tempo of the corpus");
    let weight = |k: i64, length: i64| k as f32 * (1.0 / length as f32);
    let mut sum = [vec![0.0f32; case.frames], vec![0.0f32; case.frames]];
    for track in &song.tracks {
        let mut clips: Vec<&Clip> = track.clips.iter().collect();
        clips.sort_by_key(|clip| tempo.frame(clip.start_ticks));
        let (left, right) = dsp::pan::balance(track.pan);
        let factors = [track.volume as f32 * left, track.volume as f32 * right];
        for side in 0..2 {
            let mut bus = vec![0.0f32; case.frames];
            for clip in &clips {
                let channels = &case.recordings.iter().find(|(id, _)| *id == clip.source).expect("a recording").1;
                let recording = channels.get(side).unwrap_or(&channels[0]);
                let end_ticks = clip.start_ticks + clip.duration_ticks;
                let (start, end) = (tempo.frame(clip.start_ticks), tempo.frame(end_ticks));
                let fade_in = tempo.frame(clip.start_ticks + clip.fade_in_ticks) - start;
                let fade_out = end - tempo.frame(end_ticks - clip.fade_out_ticks);
                for n in start.max(0)..end.min(case.frames as i64) {
                    let mut x = recording.get((n - start) as usize).copied().unwrap_or(0.0);
                    if n - start < fade_in {
                        x *= weight(n - start, fade_in);
                    }
                    if end - n <= fade_out {
                        x *= weight(end - n, fade_out);
                    }
                    bus[n as usize] += x * clip.gain as f32;
                }
            }
            for (sum, bus) in sum[side].iter_mut().zip(bus) {
                *sum += bus * factors[side];
            }
        }
    }
    let master = song.master.volume as f32;
    sum.map(|channel| channel.into_iter().map(|x| x * master).collect())
}

#[test]
fn en6_sums_are_made_in_the_stated_order_to_the_bit() {
    for name in ["gaps", "overlaps_and_fades", "pans"] {
        let case = songs::all().into_iter().find(|case| case.name == name).unwrap();
        assert_eq!(first_difference(&play(&case, Blocks::Of(128)), &in_the_stated_order(&case)), None, "{name}");
    }
}

#[test]
fn en2_en3_en4_en5_en6_the_mix_is_what_the_rules_say() {
    for name in ["gaps", "overlaps_and_fades", "mute_and_solo", "pans"] {
        let case = songs::all().into_iter().find(|case| case.name == name).unwrap();
        let (played, expected) = (play(&case, Blocks::Of(128)), by_the_rules(&case));
        for side in 0..2 {
            for (n, (x, y)) in played[side].iter().zip(&expected[side]).enumerate() {
                assert!((f64::from(*x) - y).abs() < 2e-6, "{name}, frame {n}: {x} instead of {y}");
            }
        }
    }
}
