//! The short form of the proof `clock`.

#[tokio::test]
async fn process_a_jumping_clock_breaks_a_silence_once() {
    tests::proofs::short("clock").await;
}
