"""What does it cost to consume a message?

CPU of the consuming process alone, over a real socket, against the stand-in (bench/standin). Peers receive ten messages
and delete them, 16 calls in flight or the best each has, and do nothing with them. Ours also does the work: once all
but the commit (`receive_decode_fold_delete`), once as `restock run` does it, each sale made durable by a conditional
commit before its message goes (`with_commit`). Start-up and warm-up are not counted; a process is watched from outside,
in the same way whoever wrote it."""
