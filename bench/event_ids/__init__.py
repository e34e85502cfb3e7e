"""How should Restock remember which events it has counted?

Three ways are tried on the same real sales, through the same fold, header codec and AWS client; they differ only in
where the ids lie:

* markers: an item for each event, put only if absent;
* pages: an item for each product and event day, rewritten as it grows, split by bits of the id's hash past 4 KB;
* segments: what Restock does: the newest ids in the header, older ones in numbered segments written once.

All write a product's header and the items of its ids in one transaction, by the worker's own commits, and a header
alone in one put; that is never the case for markers and pages. Client CPU is that of this process against the embedded
AWS. Items, bytes and capacity units are counted on a table in memory, by the sizes of the very same requests and
AWS's published rule; no clock of that table or of the emulator is ever reported."""
