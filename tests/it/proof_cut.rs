//! The short form of the proof `cut`.

#[tokio::test]
async fn process_a_cut_network_restarts_nothing_and_everybody_is_answered() {
    tests::proofs::short("cut").await;
}
