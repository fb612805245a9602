//! The short form of the proof `syscalls`.

#[tokio::test]
async fn process_a_kill_at_a_system_call_of_the_store_leaves_sound_books() {
    tests::proofs::short("syscalls").await;
}
