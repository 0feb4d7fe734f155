"""Trains the adapter that config.json describes, on the rows and in the batches that were drawn for it.

    torchrun --nproc_per_node gpu train.py
"""

import json
import os
import sys
from pathlib import Path

import torch
from datasets import Dataset, concatenate_datasets
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig, SFTTrainer
from trl.chat_template_utils import (
    get_training_chat_template,
    has_generation_markers,
    is_chat_template_stop_token_trained,
)

FOLDER = Path(__file__).resolve().parent
IGNORED = -100


def read_rows():
    with (FOLDER / "rows.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def marks_answers(tokenizer):
    """Whether the chat template, or the one that TRL knows in its place, marks what the assistant says."""
    template = None
    if not has_generation_markers(tokenizer.chat_template):
        try:
            template = get_training_chat_template(tokenizer)
        except ValueError:
            return False
    return is_chat_template_stop_token_trained(tokenizer, chat_template=template)


def formatted(rows, tokenizer):
    """Rows in the format in which TRL learns the answers and nothing else, and the setting that goes with it."""
    if marks_answers(tokenizer):
        return rows, {"assistant_only_loss": True}
    split = []
    for number, row in enumerate(rows, 1):
        *prompt, last = row["messages"]
        if last["role"] != "assistant" or any(turn["role"] == "assistant" for turn in prompt):
            sys.exit(
                f"row {number} has another answer than its last message, and the chat template of the base does not "
                "mark answers: add {% generation %} and {% endgeneration %} to it"
            )
        split.append({"prompt": prompt, "completion": [last]})
    return split, {"completion_only_loss": True}


def micro_batch(config, n_processes):
    """Rows that one process takes at once: as many as allowed that divide a batch evenly."""
    for size in range(config["micro_batch"], 0, -1):
        if config["batch"] % (size * n_processes) == 0:
            return size
    sys.exit(f"a batch of {config['batch']} rows cannot be shared by {n_processes} processes: use a divisor of it")


def in_drawn_order(dataset, batches, batch):
    """The tokenized rows batch after batch. A short batch is filled up with rows of which nothing is learned."""
    dataset = dataset.select_columns(["input_ids", "labels"])
    ids = dataset[0]["input_ids"]
    filler = Dataset.from_list([{"input_ids": ids, "labels": [IGNORED] * len(ids)}], features=dataset.features)
    order = [row for rows in batches for row in rows + [len(dataset)] * (batch - len(rows))]
    return concatenate_datasets([dataset, filler]).select(order)


def main():
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    on_gpu = torch.cuda.is_available()
    size = micro_batch(config, n_processes)
    set_seed(config["init_seed"])
    tokenizer = AutoTokenizer.from_pretrained(config["base"])
    dtype = torch.bfloat16 if on_gpu else torch.float32
    base = AutoModelForCausalLM.from_pretrained(config["base"], dtype=dtype)
    alpha = config["alpha"]
    adapter = LoraConfig(
        r=config["rank"],
        lora_alpha=int(alpha) if alpha == int(alpha) else alpha,
        lora_dropout=0.0,
        target_modules=config["target_modules"],
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, adapter)
    rows, learned = formatted(read_rows(), tokenizer)
    arguments = SFTConfig(
        output_dir=str(FOLDER / "checkpoints"),
        num_train_epochs=1,
        per_device_train_batch_size=size,
        gradient_accumulation_steps=config["batch"] // (size * n_processes),
        learning_rate=config["rate"],
        lr_scheduler_type=config["schedule"],
        warmup_steps=0,
        adam_beta1=config["beta1"],
        adam_beta2=config["beta2"],
        adam_epsilon=config["epsilon"],
        weight_decay=config["weight_decay"],
        max_grad_norm=config["clip_norm"],
        seed=config["init_seed"],
        train_sampling_strategy="sequential",
        shuffle_dataset=False,
        packing=False,
        max_length=None,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        gradient_checkpointing=on_gpu,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        **learned,
    )
    trainer = SFTTrainer(model=model, args=arguments, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    batches = json.loads((FOLDER / "batches.json").read_text(encoding="utf-8"))
    trainer.train_dataset = in_drawn_order(trainer.train_dataset, batches, config["batch"])
    trainer.train()
    trainer.save_model(str(FOLDER / "adapter"))
    if trainer.is_world_process_zero():
        curve = [{"step": point["step"], "loss": point["loss"]} for point in trainer.state.log_history if "loss" in point]
        (FOLDER / "curve.json").write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
