//! The short form of the proof `fuzz`.

#[tokio::test]
async fn process_broken_inputs_and_forgeries_do_nothing() {
    tests::proofs::short("fuzz").await;
}
