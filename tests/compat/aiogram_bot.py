"""An ordinary aiogram bot: the only thing it knows of the local Telegram is its address."""

import asyncio
import os

from aiogram import Bot, Dispatcher, F
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.filters.chat_member_updated import KICKED, ChatMemberUpdatedFilter
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BufferedInputFile,
    CallbackQuery,
    ChatMemberUpdated,
    InputMediaPhoto,
    KeyboardButton,
    Message,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
)
from aiogram.utils.keyboard import InlineKeyboardBuilder

dp = Dispatcher()


class Form(StatesGroup):
    goal = State()
    phone = State()


@dp.message(CommandStart(deep_link=True))
async def start(message: Message, command: CommandObject, state: FSMContext):
    keyboard = InlineKeyboardBuilder()
    keyboard.button(text="Похудеть", callback_data="goal:weight")
    keyboard.button(text="Сайт", url="https://example.org/")
    await message.answer(f"Здравствуйте, <b>{message.from_user.first_name}</b>! {command.args}", reply_markup=keyboard.as_markup())
    await state.set_state(Form.goal)


@dp.callback_query(Form.goal, F.data.startswith("goal:"))
async def goal(query: CallbackQuery, state: FSMContext):
    await query.answer("Записано")
    await query.message.edit_text("Цель: " + query.data.split(":")[1])
    ask = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Мой номер", request_contact=True)]], resize_keyboard=True)
    await query.message.answer("Оставьте телефон", reply_markup=ask)
    await state.set_state(Form.phone)


@dp.message(Form.phone, F.contact)
async def phone(message: Message, state: FSMContext):
    assert message.contact.user_id == message.from_user.id
    await message.reply(f"Позвоним на {message.contact.phone_number}", reply_markup=ReplyKeyboardRemove())
    await state.clear()


@dp.message(Command("gift"))
async def gift(message: Message, bot: Bot):
    await bot.send_chat_action(message.chat.id, "upload_photo")
    sent = await message.answer_document(BufferedInputFile(b"%PDF recipes", "recipes.pdf"), caption="Рецепты")
    again = await message.answer_document(sent.document.file_id)
    loaded = await bot.download(again.document.file_id)
    photo = BufferedInputFile(b"\x89PNG\r\n\x1a\n", "a.png")
    await message.answer_media_group([InputMediaPhoto(media=photo, caption="Раз"), InputMediaPhoto(media="https://example.org/b.jpg")])
    await message.answer(f"Скачано: {loaded.read().decode()}")


@dp.message(F.photo)
async def picture(message: Message, bot: Bot):
    loaded = await bot.download(message.photo[-1])
    await message.answer(f"Снимок, {len(loaded.read())} байт: {message.caption}")


@dp.my_chat_member(ChatMemberUpdatedFilter(member_status_changed=KICKED))
async def blocked(event: ChatMemberUpdated, bot: Bot):
    try:
        await bot.send_message(event.chat.id, "Вернитесь")
    except Exception as error:
        print(f"BLOCKED {type(error).__name__}", flush=True)


@dp.message()
async def echo(message: Message):
    await message.copy_to(message.chat.id)


async def main():
    session = AiohttpSession(api=TelegramAPIServer.from_base(os.environ["API"]))
    bot = Bot(os.environ["TOKEN"], session=session, default=DefaultBotProperties(parse_mode="HTML"))
    await bot.set_my_commands([BotCommand(command="gift", description="Подарок")], scope=BotCommandScopeAllPrivateChats())
    await dp.start_polling(bot, allowed_updates=dp.resolve_used_update_types())


asyncio.run(main())
