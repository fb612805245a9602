//! The short form of the proof `kill`.

#[tokio::test]
async fn process_kills_lose_no_word_and_count_none_twice() {
    tests::proofs::short("kill").await;
}
