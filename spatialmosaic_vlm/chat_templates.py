"""Chat templates: how messages with images become text. Training, evaluation and serving read the saved one."""

from typing import Literal

ChatStyle = Literal["chatml", "vicuna"]

# An image is labelled `Frame k: ` unless the text before it ends with such a label (a message may show Frame 3 alone),
# and ends its line unless the text after it does. So images alone and images that are labelled in the message give the
# same tokens.
_LABEL = (
    "{% set frames.count = frames.count + 1 %}{% set label = 'Frame ' ~ frames.count ~ ': ' %}"
    "{% if not (loop.previtem is defined and loop.previtem.type == 'text' "
    "and loop.previtem.text.endswith(': ') and loop.previtem.text.split('\n')[-1].startswith('Frame ')) %}"
    "{{ label }}{% endif %}"
)
_LINE_ENDS = {
    True: "{% if not loop.last and not (loop.nextitem.type == 'text' and loop.nextitem.text.startswith('\n')) %}"
    "{{ '\n' }}{% endif %}",
    False: "{% if not loop.last and loop.nextitem.type == 'text' and not loop.nextitem.text.startswith('\n') %}"
    "{{ '\n' }}{% endif %}",
}
_ANSWER = (
    "{% generation %}{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content if part.type == 'text' %}{{ part.text }}{% endfor %}{% endif %}"
    "{{ '<END>' }}{% endgeneration %}"
)
_TEMPLATES = {
    "chatml": (
        "{% set frames = namespace(count=0) %}"
        "{% if messages[0].role != 'system' %}"
        "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
        "{% for message in messages %}{{ '<|im_start|>' ~ message.role ~ '\n' }}"
        "{% if message.role == 'assistant' %}<ANSWER>{{ '\n' }}"
        "{% else %}<CONTENT>{{ '<|im_end|>\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "<|im_end|>",
    ),
    "vicuna": (
        "{% set frames = namespace(count=0) %}"
        "{% for message in messages %}"
        "{% if message.role == 'assistant' %}{{ 'ASSISTANT: ' }}<ANSWER>"
        "{% elif message.role == 'system' %}<CONTENT>{{ ' ' }}"
        "{% else %}{{ 'USER: ' }}<CONTENT>{{ ' ' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
        "</s>",
    ),
}


def chat_template(style: ChatStyle = "chatml", frame_labels: bool = True) -> str:
    """Write the Jinja template of a processor.

    Args:
        style: `chatml` for Qwen2, `vicuna` for Vicuna.
        frame_labels: Whether each image is announced as `Frame 1: `, `Frame 2: ` ..., as questions name frames; the
            authors' prompts did not.

    Returns:
        The template. Answers stand between `generation` marks, with the token that ends them.
    """
    text, end = _TEMPLATES[style]
    image = ("{{ '<image>' }}" if not frame_labels else _LABEL + "{{ '<image>' }}") + _LINE_ENDS[frame_labels]
    content = (
        "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
        "{% if part.type == 'image' %}" + image + "{% elif part.type == 'text' %}{{ part.text }}{% endif %}"
        "{% endfor %}{% endif %}"
    )
    return text.replace("<CONTENT>", content).replace("<ANSWER>", _ANSWER).replace("<END>", end)


__all__ = ["ChatStyle", "chat_template"]
